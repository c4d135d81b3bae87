with

scores as (

    select * from {{ ref('int_board_scores') }}

),

snapshots as (

    select * from {{ ref('int_board_snapshots') }}

),

test_dates as (

    select distinct
        scores.board_id,
        scores.score_date
    from scores
    where not scores.is_refitted

),

-- On a board that is fitted anew the scores of a date stand together; on a fixed test, the best so far.
standing as (

    select
        scores.*,
        scores.score_date as standing_date
    from scores
    inner join snapshots
        on
            scores.board_id = snapshots.board_id
            and scores.score_date = snapshots.score_date
    where scores.is_refitted
    union all
    select
        scores.*,
        test_dates.score_date as standing_date
    from scores
    inner join test_dates
        on
            scores.board_id = test_dates.board_id
            and scores.score_date <= test_dates.score_date
    where not scores.is_refitted
    qualify
        row_number() over (
            partition by scores.board_id, test_dates.score_date, scores.board_model
            order by scores.score desc, scores.score_date asc, scores.board_version asc
        ) = 1

),

final as (

    select
        standing.board_id,
        standing.standing_date as score_date,
        standing.board_model,
        standing.leaderboard,
        standing.board_version,
        standing.model_raw,
        standing.model_id,
        standing.lab_id,
        standing.license_raw,
        standing.is_open,
        standing.is_open_known,
        standing.score,
        standing.score_unit,
        standing.score_error,
        standing.likely_vote_count,
        -- A board lists some models at several efforts or checkpoints.
        standing.model_id is not null
        and row_number() over (
            partition by standing.board_id, standing.standing_date, standing.model_id
            order by standing.score desc, standing.board_model asc
        ) = 1 as is_best_of_model
    from standing

)

select * from final

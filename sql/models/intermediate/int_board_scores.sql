{#- Where a board tells no votes, the width of the interval in points stands for them: half of the models with
    4,500 to 5,500 votes have a narrower one than 16 points, and it goes with the root of the votes. -#}
{%- set votes_of_interval = '5000 * pow(16 / nullif(chosen.score_high - chosen.score_low, 0), 2)' %}

with

boards as (

    select * from {{ ref('boards') }}

),

scores as (

    select * from {{ ref('leaderboard_scores_daily') }}
    where not is_withdrawn

),

models as (

    select * from {{ ref('models') }}

),

-- A board that is fitted anew may have been read through several mirrors on a date; the fullest speaks.
listed as (

    select
        boards.board_id,
        scores.*,
        scores.score_unit = 'elo' as is_refitted,
        count(*) over (
            partition by boards.board_id, scores.score_date, scores.board_version
        ) as rated_count
    from scores
    inner join boards
        on
            scores.leaderboard = boards.leaderboard
            and scores.board_version = boards.board_version
            and scores.category = boards.category
            and scores.metric = boards.metric

),

chosen as (

    select listed.*
    from listed
    qualify
        not listed.is_refitted
        or listed.board_version = first_value(listed.board_version) over (
            partition by listed.board_id, listed.score_date
            order by listed.rated_count desc, listed.board_version asc
        )

),

final as (

    select
        chosen.board_id,
        chosen.score_date,
        chosen.leaderboard,
        chosen.board_version,
        chosen.is_refitted,
        lower(chosen.model_raw) as board_model,
        chosen.model_raw,
        chosen.model_id,
        coalesce(models.lab_id, {{ name_dashed('chosen.organization_raw') }}) as lab_id,
        chosen.license_raw,
        -- Weights that came out later than the model were not open while the board called it proprietary.
        coalesce(
            chosen.is_open_weights and coalesce(lower(chosen.license_raw) not like 'prop%', true), false
        ) as is_open,
        chosen.is_open_weights is not null as is_open_known,
        chosen.score,
        chosen.score_unit,
        -- Intervals of boards are of 95 %; a share of solved cases has its binomial error.
        case
            when chosen.score_high > chosen.score_low then (chosen.score_high - chosen.score_low) / (2 * 1.96)
            when chosen.score_unit = 'percent' and chosen.vote_count > 0
                then sqrt(chosen.score * (100 - chosen.score) / chosen.vote_count)
            when chosen.score_unit = 'fraction' and chosen.vote_count > 0
                then sqrt(chosen.score * (1 - chosen.score) / chosen.vote_count)
        end as score_error,
        chosen.vote_count,
        coalesce(chosen.vote_count, case when chosen.is_refitted then {{ votes_of_interval }} end)
            as likely_vote_count
    from chosen
    left join models
        on chosen.model_id = models.model_id

)

select * from final

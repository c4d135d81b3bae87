{#- Models two snapshots must share, the votes behind each, and how far their scores may scatter around a
    common shift, in points. -#}
{%- set fewest_anchors = 5 %}
{%- set fewest_votes = 5000 %}
{%- set widest_scatter = 8 %}

with

scores as (

    select * from {{ ref('int_board_scores') }}
    where is_refitted

),

snapshots as (

    select
        scores.board_id,
        scores.score_date,
        min(scores.board_version) as board_version,
        count(*) as rated_count,
        row_number() over (partition by scores.board_id order by scores.score_date) as snapshot_number
    from scores
    group by 1, 2

),

-- Each snapshot against the two before it.
pairs as (

    select
        snapshots.board_id,
        snapshots.snapshot_number,
        earlier.snapshot_number as before_number,
        count(*) as anchor_count,
        avg(scores.score - before_scores.score) as shift_points,
        stddev_samp(scores.score - before_scores.score) as scatter_points
    from snapshots
    inner join snapshots as earlier
        on
            snapshots.board_id = earlier.board_id
            and snapshots.snapshot_number - earlier.snapshot_number between 1 and 2
    inner join scores
        on
            snapshots.board_id = scores.board_id
            and snapshots.score_date = scores.score_date
            and scores.likely_vote_count >= {{ fewest_votes }}
    inner join scores as before_scores
        on
            earlier.board_id = before_scores.board_id
            and earlier.score_date = before_scores.score_date
            and scores.board_model = before_scores.board_model
            and before_scores.likely_vote_count >= {{ fewest_votes }}
    group by 1, 2, 3
    having
        count(*) >= {{ fewest_anchors }}
        and stddev_samp(scores.score - before_scores.score) <= {{ widest_scatter }}

),

fitting as (

    select
        pairs.board_id,
        pairs.snapshot_number
    from pairs
    union
    select
        pairs.board_id,
        pairs.before_number as snapshot_number
    from pairs

),

-- What fits no snapshot near it is a slip of the publisher or of a mirror.
judged as (

    select
        snapshots.*,
        snapshots.snapshot_number > 1 and fitting.board_id is null as is_dropped
    from snapshots
    left join fitting
        on
            snapshots.board_id = fitting.board_id
            and snapshots.snapshot_number = fitting.snapshot_number

),

kept as (

    select
        judged.*,
        lag(judged.snapshot_number) over (partition by judged.board_id order by judged.snapshot_number)
            as before_number
    from judged
    where not judged.is_dropped

),

linked as (

    select
        kept.*,
        pairs.anchor_count,
        pairs.shift_points,
        pairs.scatter_points,
        count(case when pairs.board_id is null then 1 end) over (
            partition by kept.board_id
            order by kept.snapshot_number
            rows between unbounded preceding and current row
        ) as scale_number
    from kept
    left join pairs
        on
            kept.board_id = pairs.board_id
            and kept.snapshot_number = pairs.snapshot_number
            and kept.before_number = pairs.before_number

),

-- Kept snapshots only: those left out are no evidence of anything.
final as (

    select
        linked.board_id,
        linked.score_date,
        linked.board_version,
        linked.rated_count,
        linked.scale_number,
        linked.anchor_count,
        linked.scatter_points,
        coalesce(
            sum(case when linked.before_number is not null then linked.shift_points end) over (
                partition by linked.board_id, linked.scale_number
                order by linked.snapshot_number
                rows between unbounded preceding and current row
            ),
            0
        ) as scale_offset_points
    from linked

)

select * from final

{#- Models that were ever sold and good enough, below which a level has no price. -#}
{%- set fewest_models = 3 %}

with

candidates as (

    select
        candidates.*,
        candidates.score >= candidates.reference_score as is_eligible,
        candidates.score >= candidates.reference_score and candidates.usd_per_mtok is not null as is_priced
    from {{ ref('int_capability_candidates') }} as candidates

),

ever as (

    select
        candidates.board_id,
        candidates.level_id,
        count(distinct case when candidates.is_priced then candidates.model_id end) as model_count
    from candidates
    group by 1, 2

),

summed as (

    select
        candidates.price_month,
        candidates.board_id,
        candidates.level_id,
        candidates.price_date,
        candidates.leaderboard,
        candidates.board_version,
        candidates.reference_model,
        candidates.reference_score,
        candidates.score_date,
        count(case when candidates.is_eligible then 1 end) as eligible_model_count,
        count(case when candidates.is_priced then 1 end) as priced_model_count,
        coalesce(sum(case when candidates.is_priced then candidates.host_count end), 0) as offer_count,
        avg(case when candidates.is_priced then cast(not candidates.is_seen as integer) end) as carried_ratio,
        min(case when candidates.is_eligible then candidates.usd_per_mtok end) as usd_per_mtok,
        min(case when candidates.is_eligible then candidates.any_offer_usd_per_mtok end)
            as any_offer_usd_per_mtok,
        coalesce(bool_or(candidates.is_eligible and candidates.is_offered_free), false) as is_offered_free
    from candidates
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

),

cheapest as (

    select candidates.*
    from candidates
    where candidates.is_priced
    qualify
        row_number() over (
            partition by candidates.price_month, candidates.board_id, candidates.level_id
            order by candidates.usd_per_mtok, candidates.model_id
        ) = 1

),

judged as (

    select
        summed.*,
        case
            when summed.priced_model_count = 0 then 'no model of the class is sold'
            when ever.model_count < {{ fewest_models }}
                then 'fewer than {{ fewest_models }} models of the class were ever sold'
            when summed.carried_ratio > 0.5 then 'more than half of the prices are older than the month'
        end as suppression_reason
    from summed
    inner join ever
        on
            summed.board_id = ever.board_id
            and summed.level_id = ever.level_id

),

shown as (

    select
        judged.*,
        case when judged.suppression_reason is null then judged.usd_per_mtok end as shown_usd_per_mtok
    from judged

),

final as (

    select
        shown.price_month,
        shown.board_id,
        shown.level_id,
        shown.price_date,
        shown.leaderboard,
        shown.board_version,
        shown.reference_model,
        shown.reference_score,
        shown.score_date,
        cast(shown.shown_usd_per_mtok as decimal(18, 6)) as usd_per_mtok,
        case when shown.suppression_reason is null then cheapest.model_id end as model_id,
        case when shown.suppression_reason is null then cheapest.host_id end as host_id,
        shown.shown_usd_per_mtok is not null
        and coalesce(
            shown.shown_usd_per_mtok < min(shown.shown_usd_per_mtok) over (
                partition by shown.board_id, shown.level_id
                order by shown.price_month
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as is_record,
        cast(
            case when shown.suppression_reason is null then shown.any_offer_usd_per_mtok end as decimal(18, 6)
        ) as any_offer_usd_per_mtok,
        shown.is_offered_free,
        cast(shown.eligible_model_count as integer) as eligible_model_count,
        cast(shown.priced_model_count as integer) as priced_model_count,
        cast(shown.offer_count as integer) as offer_count,
        shown.carried_ratio,
        {{ value_status('shown.price_date', 'shown.suppression_reason', 'shown.carried_ratio') }} as status,
        case
            when shown.suppression_reason is not null then shown.suppression_reason
            when shown.carried_ratio > 0.25
                then 'more than a quarter of the prices are older than the month'
        end as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from shown
    left join cheapest
        on
            shown.price_month = cheapest.price_month
            and shown.board_id = cheapest.board_id
            and shown.level_id = cheapest.level_id

)

select * from final

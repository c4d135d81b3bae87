{#- Days by which a price or a snapshot may miss the day of the claim. -#}
{%- set price_days = 30 %}
{%- set snapshot_days = 60 %}
{%- set claim_date = "date '2024-05-07'" %}
{%- set columns = [
    'claim_id', 'measured_value', 'measured_unit', 'input_count', 'first_date', 'last_date', 'is_open', 'is_held',
    'untestable_reason', 'answer',
] %}

with

scores as (

    select * from {{ ref('leaderboard_scores_daily') }}
    where leaderboard = 'lmarena_text' and category = 'overall'

),

prices as (

    select * from {{ ref('token_prices_daily') }}
    where
        price_date between {{ claim_date }} - {{ price_days }} and {{ claim_date }} + {{ price_days }}
        and blended_usd_per_mtok is not null
        and (
            is_primary
            or (model_raw = 'gpt-3.5-turbo-0125' and host_id = 'openai' and service_tier = 'standard')
        )

),

levels as (

    select * from {{ ref('gpu_price_trends_daily') }}
    where segment != 'hyperscaler' and purchase_type = 'on_demand' and status != 'suppressed'

),

gpus as (

    select * from {{ ref('gpus') }}
    where family = 'h100'

),

-- The board's snapshot and the prices nearest to the claim.
snapshot as (

    select scores.*
    from scores
    where abs(scores.score_date - {{ claim_date }}) <= {{ snapshot_days }}
    qualify dense_rank() over (order by abs(scores.score_date - {{ claim_date }}), scores.score_date) = 1

),

nearest as (

    select
        prices.model_id,
        prices.model_raw,
        prices.is_primary,
        prices.price_date,
        cast(prices.blended_usd_per_mtok as double) as usd_per_mtok
    from prices
    qualify
        row_number() over (
            partition by prices.model_id, prices.host_id, prices.model_raw
            order by abs(prices.price_date - {{ claim_date }}), prices.price_date
        ) = 1

),

cheapest as (

    select
        nearest.model_id,
        min(nearest.usd_per_mtok) as usd_per_mtok,
        max(nearest.price_date) as price_date
    from nearest
    where nearest.is_primary
    group by 1

),

-- What is to be beaten: the score and the price of GPT-3.5 Turbo.
reference as (

    select
        snapshot.score_date,
        snapshot.score,
        min(nearest.usd_per_mtok) as usd_per_mtok
    from snapshot
    inner join nearest
        on lower(snapshot.model_raw) = nearest.model_raw
    where nearest.model_raw = 'gpt-3.5-turbo-0125'
    group by 1, 2

),

competitors as (

    select
        snapshot.model_id,
        cheapest.usd_per_mtok
    from snapshot
    inner join reference
        on snapshot.score >= reference.score
    inner join cheapest
        on snapshot.model_id = cheapest.model_id
    where snapshot.model_id != 'deepseek-v2'
    group by 1, 2

),

ranked as (

    select
        any_value(reference.score_date) as score_date,
        any_value(reference.usd_per_mtok) as reference_usd,
        any_value(deepseek.usd_per_mtok) as deepseek_usd,
        any_value(deepseek.price_date) as price_date,
        count(*) as competitor_count,
        count(*) filter (where competitors.usd_per_mtok < deepseek.usd_per_mtok) as cheaper_count,
        string_agg(
            case when competitors.usd_per_mtok < deepseek.usd_per_mtok then competitors.model_id end, ', '
            order by competitors.usd_per_mtok, competitors.model_id
        ) as cheaper_models
    from competitors
    cross join reference
    inner join cheapest as deepseek
        on deepseek.model_id = 'deepseek-v2'
    having count(*) > 0

),

g51 as (

    select
        'G51' as claim_id,
        ranked.reference_usd / ranked.deepseek_usd as measured_value,
        'price of GPT-3.5 Turbo over that of DeepSeek V2' as measured_unit,
        ranked.competitor_count + 1 as input_count,
        least(ranked.score_date, ranked.price_date) as first_date,
        greatest(ranked.score_date, ranked.price_date) as last_date,
        false as is_open,
        ranked.cheaper_count < 3 and ranked.reference_usd >= 4 * ranked.deepseek_usd as is_held,
        cast(null as varchar) as untestable_reason,
        printf(
            'At %.3f USD per million tokens it ranked %d of %d rated models with a price, %.1f times below '
            || 'GPT-3.5 Turbo at %.2f; cheaper: %s.',
            ranked.deepseek_usd,
            ranked.cheaper_count + 1,
            ranked.competitor_count + 1,
            ranked.reference_usd / ranked.deepseek_usd,
            ranked.reference_usd,
            coalesce(ranked.cheaper_models, 'none')
        ) as answer
    from ranked

),

contenders as (

    select
        reference.score_date,
        reference.score as reference_score,
        reference.usd_per_mtok as reference_usd,
        max(case when snapshot.model_id = 'claude-3-sonnet' then snapshot.score end) as sonnet_score,
        max(case when snapshot.model_id = 'llama-3-70b' then snapshot.score end) as llama_score,
        max(case when snapshot.model_id = 'dbrx' then snapshot.score end) as dbrx_score,
        max(case when cheapest.model_id = 'mixtral-8x7b' then cheapest.usd_per_mtok end) as mixtral_usd,
        max(case when cheapest.model_id = 'llama-3-70b' then cheapest.usd_per_mtok end) as llama_usd,
        max(cheapest.price_date) as price_date
    from reference
    cross join snapshot
    left join cheapest
        on
            snapshot.model_id = cheapest.model_id
            and cheapest.model_id in ('mixtral-8x7b', 'llama-3-70b')
    group by 1, 2, 3

),

g52 as (

    select
        'G52' as claim_id,
        contenders.llama_usd / contenders.reference_usd as measured_value,
        'price of Llama 3 70B over that of GPT-3.5 Turbo' as measured_unit,
        7 as input_count,
        least(contenders.score_date, contenders.price_date) as first_date,
        greatest(contenders.score_date, contenders.price_date) as last_date,
        false as is_open,
        least(contenders.sonnet_score, contenders.llama_score) > contenders.reference_score
        and greatest(contenders.mixtral_usd, contenders.llama_usd) < contenders.reference_usd as is_held,
        case
            when
                contenders.sonnet_score is null or contenders.llama_score is null
                or contenders.mixtral_usd is null or contenders.llama_usd is null
                then 'a score or a price is missing'
        end as untestable_reason,
        printf(
            'Arena: Llama 3 70B %.0f, Claude 3 Sonnet %.0f, DBRX %.0f, GPT-3.5 Turbo %.0f. Cheapest blend, '
            || 'USD per million tokens: Mixtral 8x7B %.2f, Llama 3 70B %.2f, GPT-3.5 Turbo %.2f.',
            contenders.llama_score,
            contenders.sonnet_score,
            contenders.dbrx_score,
            contenders.reference_score,
            contenders.mixtral_usd,
            contenders.llama_usd,
            contenders.reference_usd
        ) as answer
    from contenders

),

boards as (

    select min(scores.score_date) as first_snapshot_date
    from scores

),

-- The first snapshot with open models at GPT-4's height in that same snapshot.
reached as (

    select
        scores.score_date,
        scores.model_raw,
        scores.score,
        gpt_4.score as gpt_4_score,
        rank() over (partition by scores.score_date order by scores.score desc) as place
    from scores
    inner join scores as gpt_4
        on
            scores.score_date = gpt_4.score_date
            and scores.board_version = gpt_4.board_version
            and lower(gpt_4.model_raw) = 'gpt-4-0314'
            and scores.score >= gpt_4.score
    where scores.is_open_weights
    qualify scores.score_date = min(scores.score_date) over ()

),

first_open as (

    select
        reached.score_date,
        boards.first_snapshot_date,
        min(case when reached.place = 1 then reached.model_raw end) as model_raw,
        max(reached.score) as score,
        min(reached.gpt_4_score) as gpt_4_score,
        count(*) as model_count
    from reached
    cross join boards
    group by 1, 2

),

server_rent as (

    select
        levels.series_id,
        levels.price_date,
        8 * cast(levels.level_usd_per_gpu_hour as double) as usd_per_hour
    from levels
    inner join gpus
        on levels.gpu_id = gpus.gpu_id
    inner join first_open
        on abs(levels.price_date - first_open.score_date) <= {{ price_days }}
    qualify
        row_number() over (
            order by
                abs(levels.price_date - first_open.score_date),
                levels.level_usd_per_gpu_hour,
                levels.series_id
        ) = 1

),

g53 as (

    select
        'G53' as claim_id,
        server_rent.usd_per_hour as measured_value,
        'USD per hour of eight H100' as measured_unit,
        first_open.model_count + 1 as input_count,
        least(first_open.score_date, server_rent.price_date) as first_date,
        greatest(first_open.score_date, server_rent.price_date) as last_date,
        false as is_open,
        first_open.score_date between date '2024-04-01' and date '2024-07-31'
        and server_rent.usd_per_hour < 40 as is_held,
        case when server_rent.usd_per_hour is null then 'no rent of the H100 within a month of that day' end
            as untestable_reason,
        printf(
            '%s stood at %.0f against %.0f of GPT-4-0314 on %s%s; eight H100 cost %.2f USD an hour (%s).',
            first_open.model_raw,
            first_open.score,
            first_open.gpt_4_score,
            first_open.score_date,
            case
                when first_open.score_date = first_open.first_snapshot_date
                    then ', our first snapshot, or before'
                else ''
            end,
            server_rent.usd_per_hour,
            server_rent.series_id
        ) as answer
    from first_open
    left join server_rent
        on true

),

final as (

    {% for claim in ['g51', 'g52', 'g53'] %}
    select {{ columns_of(claim, columns) }}
    from {{ claim }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from final

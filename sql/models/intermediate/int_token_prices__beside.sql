{#- Ratios within 2 % of each other are one factor. -#}
{%- set factor = 'cast(round(ln(moves.ratio) * 50) as integer)' %}

with

moves as (

    select * from {{ ref('int_token_prices__steps') }}
    where is_move

),

spells as (

    select * from {{ ref('fct_token_price_spells') }}

),

-- The model's other prices in the reading before, and its input price in the reading of the step.
caches as (

    select
        moves.source_id,
        moves.series_key,
        moves.step_at,
        bool_or(
            moves.component in ('cache_read', 'cache_write')
            and siblings.component in ('cache_read', 'cache_write')
            and siblings.usd_amount = moves.previous_usd
            and moves.previous_seen_at between siblings.first_seen_at and siblings.last_seen_at
        ) as is_as_other_cache,
        max(
            case
                when
                    siblings.component = 'input'
                    and moves.previous_seen_at between siblings.first_seen_at and siblings.last_seen_at
                    then siblings.usd_amount
            end
        ) as input_usd_before,
        max(
            case
                when
                    siblings.component = 'input'
                    and moves.step_at between siblings.first_seen_at and siblings.last_seen_at
                    then siblings.usd_amount
            end
        ) as input_usd_after
    from moves
    inner join spells as siblings
        on
            moves.source_id = siblings.source_id
            and moves.host_raw = siblings.host_raw
            and moves.model_raw = siblings.model_raw
            and moves.component != siblings.component
            and moves.unit = siblings.unit
            and moves.service_tier = siblings.service_tier
            and moves.utc_window = siblings.utc_window
            and moves.min_context_tokens = siblings.min_context_tokens
            and moves.quantization = siblings.quantization
    where moves.component in ('cache_read', 'cache_write')
    group by 1, 2, 3

),

-- Input and output of the model stood exactly as those of another model of the seller do, before and after.
other_rows as (

    select distinct
        moves.source_id,
        moves.series_key,
        moves.step_at
    from moves
    inner join spells as twins
        on
            moves.source_id = twins.source_id
            and moves.host_raw = twins.host_raw
            and moves.model_raw != twins.model_raw
            and moves.component = twins.component
            and moves.previous_usd = twins.usd_amount
            and moves.previous_seen_at between twins.first_seen_at and twins.last_seen_at
            and moves.step_at between twins.first_seen_at and twins.last_seen_at
    inner join spells as twin_peers
        on
            twins.source_id = twin_peers.source_id
            and twins.host_raw = twin_peers.host_raw
            and twins.model_raw = twin_peers.model_raw
            and twins.service_tier = twin_peers.service_tier
            and twins.min_context_tokens = twin_peers.min_context_tokens
            and moves.previous_seen_at between twin_peers.first_seen_at and twin_peers.last_seen_at
    inner join spells as peers
        on
            moves.source_id = peers.source_id
            and moves.host_raw = peers.host_raw
            and moves.model_raw = peers.model_raw
            and moves.service_tier = peers.service_tier
            and moves.min_context_tokens = peers.min_context_tokens
            and twin_peers.component = peers.component
            and twin_peers.usd_amount = peers.usd_amount
            and moves.previous_seen_at between peers.first_seen_at and peers.last_seen_at
    where
        (moves.ratio >= 8 or moves.ratio <= 0.125)
        and moves.component in ('input', 'output')
        and peers.component in ('input', 'output')
        and moves.component != peers.component
        and moves.previous_usd != peers.usd_amount
        and moves.service_tier = twins.service_tier
        and moves.min_context_tokens = twins.min_context_tokens

),

-- What one reading did to the other prices of the seller.
factors as (

    select
        moves.source_id,
        moves.host_raw,
        moves.step_at,
        {{ factor }} as factor,
        count(distinct moves.model_raw) as model_count
    from moves
    group by 1, 2, 3, 4

),

shared as (

    select
        moves.source_id,
        moves.host_raw,
        moves.step_at,
        moves.component,
        moves.previous_usd,
        count(distinct moves.model_raw) as model_count,
        count(distinct moves.next_usd) as next_count,
        count(distinct moves.model_raw) >= 0.5 * sum(count(distinct moves.model_raw)) over (
            partition by moves.source_id, moves.host_raw, moves.step_at, moves.component
        ) as is_most
    from moves
    group by 1, 2, 3, 4, 5

),

rounded as (

    select
        moves.source_id,
        moves.host_raw,
        moves.step_at,
        count(*) as series_count
    from moves
    where {{ is_same_rounded('moves') }}
    group by 1, 2, 3

),

final as (

    select
        moves.source_id,
        moves.series_key,
        moves.step_at,
        cast(factors.model_count as integer) as same_factor_count,
        cast(shared.model_count as integer) as same_previous_count,
        cast(shared.next_count as integer) as next_price_count,
        shared.is_most as is_most_of_seller,
        {{ is_same_rounded('moves', least_decimals=0) }} as is_same_rounded,
        {{ is_same_rounded('moves') }} as is_cut_to_cents,
        cast(coalesce(rounded.series_count, 0) as integer) as rounded_series_count,
        other_rows.source_id is not null as is_other_row,
        coalesce(caches.is_as_other_cache, false) as is_as_other_cache,
        caches.input_usd_before,
        caches.input_usd_after
    from moves
    inner join factors
        on
            moves.source_id = factors.source_id
            and moves.host_raw = factors.host_raw
            and moves.step_at = factors.step_at
            and {{ factor }} = factors.factor
    inner join shared
        on
            moves.source_id = shared.source_id
            and moves.host_raw = shared.host_raw
            and moves.step_at = shared.step_at
            and moves.component = shared.component
            and moves.previous_usd = shared.previous_usd
    left join rounded
        on
            moves.source_id = rounded.source_id
            and moves.host_raw = rounded.host_raw
            and moves.step_at = rounded.step_at
    left join caches
        on
            moves.source_id = caches.source_id
            and moves.series_key = caches.series_key
            and moves.step_at = caches.step_at
    left join other_rows
        on
            moves.source_id = other_rows.source_id
            and moves.series_key = other_rows.series_key
            and moves.step_at = other_rows.step_at

)

select * from final

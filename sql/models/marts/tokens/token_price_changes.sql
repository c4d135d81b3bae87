{%- set line = [
    'source_id', 'host_raw', 'model_raw', 'component', 'unit', 'service_tier', 'utc_window',
    'min_context_tokens', 'quantization',
] %}

with

spells as (

    select * from {{ ref('fct_token_price_spells') }}

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices'

),

named as (

    select
        spells.*,
        model_names.model_id,
        -- Where the source says from when a price held, it changed then, not when somebody noticed.
        coalesce(cast(spells.effective_from as date), cast(spells.first_seen_at as date)) as from_date
    from spells
    left join model_names
        on
            spells.source_id = model_names.source_id
            and spells.host_raw = model_names.host_raw
            and spells.model_raw = model_names.model_raw
            and spells.first_seen_at >= model_names.valid_from
            and spells.first_seen_at < model_names.valid_to

),

-- Spells of one price follow each other where a line went unseen for a while; only steps count.
stepped as (

    select
        named.*,
        lag(named.usd_amount) over line as previous_usd,
        lag(named.last_seen_at) over line as previous_seen_at
    from named
    window line as (
        partition by {{ columns_of('named', line) }}
        order by named.first_seen_at, named.spell_number
    )

),

runs as (

    select
        stepped.*,
        lag(stepped.from_date) over line as previous_from_date,
        lag(stepped.model_id) over line as previous_model_id,
        lag(stepped.previous_usd) over line as usd_before_previous,
        lead(stepped.usd_amount) over line as next_usd,
        lead(stepped.from_date) over line as next_from_date
    from stepped
    where stepped.previous_usd is null or stepped.previous_usd != stepped.usd_amount
    window line as (
        partition by {{ columns_of('stepped', line) }}
        order by stepped.first_seen_at, stepped.spell_number
    )

),

steps as (

    select
        runs.*,
        cast(runs.usd_amount as double) / nullif(cast(runs.previous_usd as double), 0) as ratio,
        runs.from_date - runs.previous_from_date as days_held
    from runs
    where runs.previous_usd is not null

),

judged as (

    select
        steps.*,
        coalesce(
            abs(round(log10(steps.ratio))) between 1 and 6
            and abs(steps.ratio / power(10, round(log10(steps.ratio))) - 1) <= 0.01,
            false
        ) as looks_like_unit_repair,
        coalesce(steps.next_usd = steps.previous_usd and steps.next_from_date - steps.from_date <= 45, false)
            as is_undone,
        coalesce(steps.usd_before_previous = steps.usd_amount and steps.days_held <= 45, false) as is_undoing
    from steps
    where steps.ratio is not null and steps.ratio > 0

),

final as (

    select
        judged.from_date as change_date,
        judged.source_id,
        judged.host_raw,
        judged.host_id,
        judged.model_raw,
        judged.model_id,
        judged.component,
        judged.unit,
        judged.service_tier,
        judged.utc_window,
        judged.min_context_tokens,
        judged.quantization,
        cast(judged.spell_number as integer) as spell_number,
        judged.previous_usd as old_usd_amount,
        judged.usd_amount as new_usd_amount,
        cast(case when judged.unit = 'usd_per_mtok' then judged.previous_usd end as decimal(18, 9))
            as old_usd_per_mtok,
        cast(case when judged.unit = 'usd_per_mtok' then judged.usd_amount end as decimal(18, 9))
            as new_usd_per_mtok,
        judged.ratio,
        cast(judged.days_held as integer) as days_held,
        judged.previous_seen_at as old_last_seen_at,
        judged.first_seen_at as new_first_seen_at,
        judged.looks_like_unit_repair,
        judged.is_undone or judged.is_undoing as is_undone,
        case
            when judged.looks_like_unit_repair then 'unit_repair'
            when judged.is_undone or judged.is_undoing then 'undone'
            -- A price that stood for two days at most was a slip of the one who entered it.
            when judged.days_held <= 2 then 'entry_repair'
            when coalesce(judged.model_id, '') != coalesce(judged.previous_model_id, '') then 'other_model'
            else 'change'
        end as step_kind,
        judged.evidence,
        judged.payload_ref
    from judged

)

select * from final

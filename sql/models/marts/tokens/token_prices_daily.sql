{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('token_prices', 'price_date', 'status') }}",
    )
}}

{%- set first_day = rebuild_from('token_prices', 'price_date', 'status') %}
{%- set distrusted = var('least_trusted_sources') | join("', '") %}
{%- set per_mtok = [
    'input', 'output', 'cache_read', 'cache_write', 'reasoning', 'input_audio', 'output_audio',
] %}
{%- set line = [
    'source_id', 'reading_scope', 'host_raw', 'host_id', 'model_raw', 'service_tier', 'min_context_tokens',
    'quantization', 'utc_window',
] %}

with

told as (

    select * from {{ ref('fct_token_price_spells') }}
    {% if is_incremental() %}
    where last_seen_at >= date '{{ first_day }}' - {{ var('carry_days_listed') }} - 1
    {% endif %}

),

errors as (

    select * from {{ ref('int_prices__in_error') }}
    where market = 'token'

),

-- What a later step proved wrong was never asked: those days have no price.
spells as (

    select told.*
    from told
    left join errors
        on
            told.source_id = errors.source_id
            and {{ token_series_key('told') }} = errors.series_key
            and told.usd_amount = errors.wrong_usd
            and told.first_seen_at >= errors.wrong_from_at
            and told.first_seen_at < errors.wrong_until_at
    where errors.series_key is null

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'token_prices'

),

reading_days as (

    select * from {{ ref('int_readings__days') }}
    where contract = 'token_prices'

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices'

),

models as (

    select * from {{ ref('models') }}

),

sources as (

    select * from {{ ref('sources') }}

),

publishers as (

    select * from {{ ref('provider_aliases') }}
    where source_id is null and market in ('token', 'any')

),

-- A line is what has its prices side by side in one row. The days are many and the lines few, so all that
-- hangs on the line alone is settled here; of two lines the lower number speaks.
lines as (

    select
        {{ columns_of('spells', line) }},
        2 * cast(bool_or(sources.is_cross_check) as integer)
        + cast(bool_and(publishers.provider_id is null) as integer) as source_grade,
        bool_or(spells.source_id in ('{{ distrusted }}')) as is_distrusted,
        row_number() over (
            order by
                spells.source_id,
                length(spells.host_raw),
                length(spells.model_raw),
                {{ columns_of('spells', line) }}
        ) as line_number
    from spells
    inner join sources
        on spells.source_id = sources.source_id
    left join publishers
        on
            {{ name_letters('sources.publisher') }} = publishers.alias
            and spells.host_id = publishers.provider_id
    group by {{ columns_of('spells', line) }}

),

line_models as (

    select
        lines.line_number,
        model_names.model_id,
        models.lab_id,
        model_names.valid_from,
        model_names.valid_to
    from lines
    left join model_names
        on
            lines.source_id = model_names.source_id
            and lines.host_raw = model_names.host_raw
            and lines.model_raw = model_names.model_raw
    left join models
        on model_names.model_id = models.model_id

),

bounded as (

    select
        lines.line_number,
        spells.component,
        spells.unit,
        spells.usd_amount,
        spells.is_free,
        spells.context_tokens,
        spells.evidence,
        spells.last_seen_at,
        greatest(
            cast(spells.first_seen_at as date),
            coalesce(cast(spells.effective_from as date), date '0001-01-01'),
            date '{{ first_day }}'
        ) as first_date,
        -- The latest sight of a price wins the day, so an earlier one ends the day before it.
        least(
            coalesce(readings.carried_until_date, cast(spells.last_seen_at as date)),
            coalesce(cast(spells.effective_to as date) - 1, date '9999-12-31'),
            coalesce(
                lead(cast(spells.first_seen_at as date)) over (
                    partition by lines.line_number, spells.component, spells.unit
                    order by spells.first_seen_at
                ) - 1,
                date '9999-12-31'
            ),
            {{ as_of_date() }}
        ) as last_date
    from spells
    inner join lines
        on
            spells.source_id = lines.source_id
            and spells.reading_scope = lines.reading_scope
            and spells.host_raw = lines.host_raw
            and spells.host_id is not distinct from lines.host_id
            and spells.model_raw = lines.model_raw
            and spells.service_tier = lines.service_tier
            and spells.min_context_tokens = lines.min_context_tokens
            and spells.quantization = lines.quantization
            and spells.utc_window = lines.utc_window
    left join readings
        on
            spells.source_id = readings.source_id
            and spells.reading_scope = readings.reading_scope
            and spells.last_seen_at = readings.read_at

),

standing as (

    select bounded.*
    from bounded
    where bounded.first_date <= bounded.last_date

),

-- Stretches of days on which nothing on the line changes: one row of prices for each.
edges as (

    select
        standing.line_number,
        standing.first_date as edge_date
    from standing
    union
    select
        standing.line_number,
        standing.last_date + 1 as edge_date
    from standing

),

stretches as (

    select
        edges.line_number,
        edges.edge_date as first_date,
        lead(edges.edge_date) over (partition by edges.line_number order by edges.edge_date) - 1 as last_date
    from edges

),

wide as (

    select
        stretches.line_number,
        stretches.first_date,
        stretches.last_date,
        {% for component in per_mtok %}
        max(standing.usd_amount) filter (
            where standing.component = '{{ component }}' and standing.unit = 'usd_per_mtok'
        ) as {{ component }}_usd_per_mtok,
        {% endfor %}
        max(standing.usd_amount) filter (where standing.unit = 'usd_per_image') as image_usd_per_image,
        max(standing.usd_amount) filter (where standing.unit = 'usd_per_request') as request_usd_per_request,
        max(standing.usd_amount) filter (where standing.unit = 'usd_per_search') as web_search_usd_per_search,
        bool_or(standing.is_free) as is_free,
        max(standing.context_tokens) as context_tokens,
        min(standing.evidence) as evidence,
        max(standing.last_seen_at) as last_seen_at
    from stretches
    inner join standing
        on
            stretches.line_number = standing.line_number
            and stretches.first_date between standing.first_date and standing.last_date
    group by 1, 2, 3

),

daily as (

    select
        wide.*,
        lines.source_id,
        lines.reading_scope,
        {{ days_between('wide.first_date', 'wide.last_date') }} as price_date
    from wide
    inner join lines
        on wide.line_number = lines.line_number

),

-- Inside a spell a long silence is still a gap: a price needs a reading not too long before the day.
placed as (

    select
        daily.*,
        line_models.model_id,
        line_models.lab_id,
        least(reading_days.last_read_at, daily.last_seen_at) as last_observed_at
    from daily
    inner join reading_days
        on
            daily.source_id = reading_days.source_id
            and daily.reading_scope = reading_days.reading_scope
            and daily.price_date = reading_days.covered_date
    left join line_models
        on
            daily.line_number = line_models.line_number
            and daily.price_date >= line_models.valid_from
            and daily.price_date < line_models.valid_to

),

-- The one line that speaks for a host's base model on a day, at standard terms: by its source, how it is
-- known, whether it was seen within a week, and its number, packed into one figure. A better catalogue speaks
-- as long as its price is carried: two that disagree and took turns would show changes that nobody made.
speakers as (

    select
        placed.price_date,
        lines.host_id,
        placed.model_id,
        min(
            (
                16 * lines.source_grade
                + 4 * case placed.evidence when 'polled' then 0 when 'listed' then 1 else 2 end
                + 2 * cast(lines.is_distrusted as integer)
                + cast(placed.price_date - cast(placed.last_observed_at as date) > 7 as integer)
            ) * 10000000 + lines.line_number
        ) % 10000000 as line_number
    from placed
    inner join lines
        on placed.line_number = lines.line_number
    where
        lines.host_id is not null
        and placed.model_id is not null
        and lines.service_tier = 'standard'
        and lines.min_context_tokens = 0
        and lines.utc_window = ''
        and not placed.is_free
        and placed.input_usd_per_mtok is not null
        and placed.output_usd_per_mtok is not null
    group by 1, 2, 3

),

final as (

    select
        placed.price_date,
        lines.source_id,
        lines.host_raw,
        lines.model_raw,
        lines.service_tier,
        lines.min_context_tokens,
        lines.quantization,
        lines.utc_window,
        lines.host_id,
        placed.model_id,
        placed.lab_id,
        {% for component in per_mtok %}
        cast(placed.{{ component }}_usd_per_mtok as decimal(18, 9)) as {{ component }}_usd_per_mtok,
        {% endfor %}
        cast(
            {{ blended_usd_per_mtok('placed.input_usd_per_mtok', 'placed.output_usd_per_mtok') }}
            as decimal(18, 9)
        ) as blended_usd_per_mtok,
        cast(placed.image_usd_per_image as decimal(18, 9)) as image_usd_per_image,
        cast(placed.request_usd_per_request as decimal(18, 9)) as request_usd_per_request,
        cast(placed.web_search_usd_per_search as decimal(18, 9)) as web_search_usd_per_search,
        placed.is_free,
        placed.context_tokens,
        speakers.line_number is not null as is_primary,
        placed.evidence,
        placed.last_observed_at,
        cast(placed.price_date - cast(placed.last_observed_at as date) as integer) as age_days,
        {{ value_status('placed.price_date') }} as status
    from placed
    inner join lines
        on placed.line_number = lines.line_number
    left join speakers
        on
            placed.price_date = speakers.price_date
            and placed.line_number = speakers.line_number
            and placed.model_id = speakers.model_id

)

select * from final

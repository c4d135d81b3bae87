{#- Months before a window's last that stand in it. -#}
{%- set earlier_months = 12 %}
{#- Models and labs without which a month has no effect. -#}
{%- set fewest_models = 10 %}
{%- set fewest_labs = 4 %}

with

lines as (

    select * from {{ ref('int_token_prices__monthly') }}
    where is_seen and primary_day_count > 0

),

models as (

    select * from {{ ref('models') }}

),

standings as (

    select * from {{ ref('int_board_standings') }}
    where board_id = '{{ var("ranking_board") }}' and is_best_of_model

),

-- One price per host and model: of the line that spoke for most days of the month.
offers as (

    select lines.*
    from lines
    qualify
        row_number() over (
            partition by lines.price_month, lines.host_id, lines.model_id
            order by
                lines.primary_day_count desc, lines.model_raw asc, lines.source_id asc, lines.quantization asc
        ) = 1

),

months as (

    select distinct offers.price_month from offers

),

-- All months of a window are rated by the snapshot known at its end.
windows as (

    select
        months.price_month as window_month,
        max(standings.score_date) as score_date
    from months
    inner join standings
        on standings.score_date < months.price_month + interval 1 month
    group by 1

),

described as (

    select
        windows.window_month,
        offers.price_month,
        offers.host_id,
        offers.lab_id,
        offers.model_id,
        ln({{ blended_usd_per_mtok('offers.input_usd_per_mtok', 'offers.output_usd_per_mtok') }}) as log_usd,
        standings.score,
        ln(offers.context_tokens) as context,
        cast(models.is_open_weights as integer) as is_open,
        -- Each model has one voice a month, however many sell it.
        1.0 / count(*) over (partition by windows.window_month, offers.price_month, offers.model_id) as weight
    from windows
    inner join offers
        on
            windows.window_month >= offers.price_month
            and offers.price_month >= windows.window_month - interval {{ earlier_months }} month
    inner join standings
        on
            windows.score_date = standings.score_date
            and offers.model_id = standings.model_id
    inner join models
        on offers.model_id = models.model_id
    where offers.context_tokens is not null and models.is_open_weights is not null

),

month_counts as (

    select
        described.window_month,
        described.price_month,
        count(distinct described.model_id) as model_count,
        count(distinct described.lab_id) as lab_count
    from described
    group by 1, 2
    having
        count(distinct described.model_id) >= {{ fewest_models }}
        and count(distinct described.lab_id) >= {{ fewest_labs }}

),

-- The first month of a window is what the others are compared with; a window without its last has no say.
numbered_months as (

    select
        month_counts.*,
        row_number() over ordered - 1 as month_number,
        max(month_counts.price_month) over (partition by month_counts.window_month) as last_month,
        count(*) over (partition by month_counts.window_month) as month_count
    from month_counts
    window ordered as (partition by month_counts.window_month order by month_counts.price_month)

),

final as (

    select
        described.window_month,
        described.price_month,
        described.host_id,
        described.model_id,
        described.lab_id,
        described.weight,
        described.log_usd,
        numbered_months.month_number,
        numbered_months.month_count,
        coalesce(
            (described.score - avg(described.score) over rated)
            / nullif(stddev_pop(described.score) over rated, 0),
            0
        ) as quality,
        described.context,
        described.is_open
    from described
    inner join numbered_months
        on
            described.window_month = numbered_months.window_month
            and described.price_month = numbered_months.price_month
            and described.window_month = numbered_months.last_month
            and numbered_months.month_count > 1
    window rated as (partition by described.window_month)

)

select * from final

{#-
    How far the prices of each source moved from one day it was read to the next, over what it showed on both:
    the closing steps of a model that has a step `lines` (source_id, line_key, read_date, usd), one row per
    thing on sale and day it was read. Comparing like with like, so that things that come and go move nothing.
-#}
{% macro price_movements(contract, first_day) -%}
read_days as (

    select
        lines.source_id,
        lines.read_date,
        lag(lines.read_date) over (partition by lines.source_id order by lines.read_date) as previous_date
    from lines
    group by 1, 2

),

compared as (

    select
        lines.source_id,
        lines.read_date,
        ln(cast(lines.usd as double) / cast(earlier.usd as double)) as log_ratio
    from lines
    inner join read_days
        on
            lines.source_id = read_days.source_id
            and lines.read_date = read_days.read_date
    inner join lines as earlier
        on
            lines.source_id = earlier.source_id
            and lines.line_key = earlier.line_key
            and read_days.previous_date = earlier.read_date
    where lines.read_date >= greatest(date '{{ first_day }}', {{ first_movement_day() }})

),

final as (

    select
        compared.source_id,
        '{{ contract }}' as contract,
        compared.read_date,
        cast(count(*) as bigint) as line_count,
        cast(count(*) filter (where compared.log_ratio != 0) as double) / count(*) as changed_ratio,
        exp({{ median('compared.log_ratio') }}) as median_price_ratio,
        avg(abs(compared.log_ratio)) as mean_abs_log_ratio
    from compared
    group by 1, 2, 3

)

select * from final
{%- endmacro %}

{#- First day whose movements ops.source_movements shows or measures others by. -#}
{% macro first_movement_day() -%}
    {{ as_of_date() }} - {{ var('movement_days_shown') + var('movement_days_compared') }}
{%- endmacro %}

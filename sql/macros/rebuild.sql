{#-
    First day a daily table has to be worked out again, a 'yyyy-mm-dd' text: the day of the earliest reading
    that the last build did not know or that has been read anew since, the first day the table lacks, or its
    first provisional day, whichever is earliest. A build of other models or seeds begins anew, see pipeline.dbt.
    A table by month says period='month' and gets the first day of that day's month.
-#}
{% macro rebuild_from(contract, day_column, status_column=none, period='day') -%}
    {%- set now_known = build_state() -%}
    {%- if not is_incremental() -%} {{ return("0001-01-01") }} {%- endif -%}
    {%- set state = adapter.get_relation(this.database, "intermediate", "int_build_state") -%}
    {%- if not execute or state is none -%} {{ return("0001-01-01") }} {%- endif -%}
    {%- set first_day -%}
        with

        now_known as (
            {{ now_known }}
        ),

        before_known as (
            select * from {{ state }}
        ),

        changed as (
            (select * from now_known except select * from before_known)
            union all
            (select * from before_known except select * from now_known)
        )

        select cast(cast(date_trunc('{{ period }}', min(day)) as date) as varchar)
        from (
            select min(cast(read_at as date)) as day
            from changed
            where contract = '{{ contract }}'
            union all
            select max({{ day_column }}) + 1 as day
            from {{ this }}
            {% if status_column %}
            union all
            select min({{ day_column }}) as day
            from {{ this }}
            where {{ status_column }} = 'provisional'
            {% endif %}
        )
    {%- endset -%}
    {{ return(run_query(first_day).rows[0][0] or "0001-01-01") }}
{%- endmacro %}

{#-
    What a build stands on: its readings, the exchange rates of each day, a rate that comes late moving the prices
    from its day on, and the stretches of prices that turned out to be wrong. Rates and stretches are looked up and not referred to: whatever is rebuilt by the day stands
    behind the rates already, through the offers, and to the tables the stretches are made from they are still the
    last build's and say nothing new.
-#}
{% macro build_state() -%}
    select contract, source_id, reading_scope, read_at, recorded_at
    from {{ ref('int_readings__current') }}
    {%- set rates = adapter.get_relation(this.database, "core", "fct_fx_rates") if execute and this %}
    {%- if rates %}
    union all
    select
        'gpu_offers' as contract,
        'fct_fx_rates' as source_id,
        md5(string_agg(currency || usd_per_unit, ' ' order by currency)) as reading_scope,
        cast(rate_date as timestamp) as read_at,
        timestamp '0001-01-01' as recorded_at
    from {{ rates }}
    group by rate_date
    {%- endif %}
    {%- set errors = adapter.get_relation(this.database, "intermediate", "int_prices__in_error") if execute and this %}
    {%- if errors %}
    union all
    select
        case market when 'token' then 'token_prices' else 'gpu_offers' end as contract,
        source_id,
        series_key as reading_scope,
        wrong_from_at as read_at,
        wrong_until_at as recorded_at
    from {{ errors }}
    {%- endif %}
{%- endmacro %}

{#- For pre_hook: forget the days that the model is about to work out again. -#}
{% macro forget_from(contract, day_column, status_column=none, period='day') -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where {{ day_column }} >= date '{{ rebuild_from(contract, day_column, status_column, period) }}'
    {%- endif -%}
{%- endmacro %}

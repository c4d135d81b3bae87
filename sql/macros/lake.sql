{#-
    Everything observed of one contract: the lake, and the bundled history where it holds the table.
    The lake always holds an empty file of each table, so its pattern always matches; the history may not,
    and a pattern without a match is an error, hence the look before.
-#}
{% macro lake(table_name) -%}
    {{ return(adapter.dispatch("lake", "aimarket")(table_name)) }}
{%- endmacro %}

{% macro default__lake(table_name) -%}
    {%- do source('lake', table_name) -%}
    {%- set below = "/" ~ table_name ~ "/source=*/date=*/*.parquet" -%}
    {%- set patterns = [env_var("DBT_MARKET_LAKE", flags.PROFILES_DIR ~ "/../warehouse/data/lake") ~ below] -%}
    {%- set history = env_var("DBT_MARKET_HISTORY", flags.PROFILES_DIR ~ "/../warehouse/history") ~ below -%}
    {%- if execute and run_query("select 1 from glob('" ~ history ~ "') limit 1").rows | length > 0 -%}
        {%- do patterns.append(history) -%}
    {%- endif -%}
    read_parquet(['{{ patterns | join("', '") }}'], union_by_name = true,
        hive_partitioning = true, hive_types = {'source': varchar, 'date': date})
{%- endmacro %}

{#- The text of a UTC instant column as a timestamp without zone, the form of every `_at` column here. -#}
{% macro utc(column) -%}
    {{ return(adapter.dispatch("utc", "aimarket")(column)) }}
{%- endmacro %}

{% macro default__utc(column) -%}
    ({{ column }} at time zone 'UTC')
{%- endmacro %}

{#-
    The engine's own way to write a table is to make it beside the old one, rename both and ask for its columns. That
    keeps readers content, and costs dbt more time than most of the queries cost DuckDB. Nobody reads the build file
    while it is written, so a table is replaced where it stands, and what was commented is commented in one go.
-#}
{% materialization table, adapter="duckdb" %}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%} {{ replaced_by(this, compiled_code) }} {%- endcall -%}
    {%- do comment_on(this) -%}
    {%- do adapter.commit() -%}
    {{ return({"relations": [this.incorporate(type="table")]}) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {%- set view = this.incorporate(type="view") -%}
    {%- call statement("main") -%}
        {%- if config.get("contract").enforced -%} {{ get_assert_columns_equivalent(compiled_code) }} {%- endif -%}
        create or replace view {{ view }} as ({{ compiled_code }})
    {%- endcall -%}
    {%- do comment_on(view) -%}
    {%- do adapter.commit() -%}
    {{ return({"relations": [view]}) }}
{% endmaterialization %}

{#- What the hook before has left of the table stays; the rows of the model are added. -#}
{% materialization incremental, adapter="duckdb" %}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {%- if is_incremental() -%} insert into {{ this }} by name ({{ compiled_code }})
        {%- else -%} {{ replaced_by(this, compiled_code) }}
        {%- endif -%}
    {%- endcall -%}
    {%- if not is_incremental() -%} {%- do comment_on(this) -%} {%- endif -%}
    {%- do adapter.commit() -%}
    {{ return({"relations": [this.incorporate(type="table")]}) }}
{% endmaterialization %}

{% macro replaced_by(table, query) -%}
    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(query) }}
        create or replace table {{ table }} {{ get_table_columns_and_constraints() }};
        insert into {{ table }} {{ get_column_names() }} ({{ get_select_subquery(query) }})
    {%- else -%} create or replace table {{ table }} as ({{ query }})
    {%- endif -%}
{%- endmacro %}

{#- The descriptions of a model and its columns, as comments; one of a column that is not there is an error. -#}
{% macro comment_on(relation) -%}
    {%- if config.persist_relation_docs() and model.description -%}
        {%- call statement("comments") -%}
            comment on {{ relation.type or "table" }} {{ relation }} is {{ quoted(model.description) }};
            {% for column in model.columns.values() if column.description -%}
                comment on column {{ relation }}."{{ column.name }}" is {{ quoted(column.description) }};
            {% endfor -%}
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}

{% macro quoted(text) -%} {{ dbt.string_literal(dbt.escape_single_quotes(text)) }} {%- endmacro %}

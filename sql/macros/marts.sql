{#- What every mart stands on, as rows (mart, contract): said in its own property file, config, meta, fed_by:
    what has to be read anew for the mart to be of today. Empty: it stands on seeds and does not age. -#}
{% macro mart_inputs() -%}
    {%- set rows = ["('', '')"] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='name') -%}
            {%- if node.resource_type == 'model' and node.config.schema == 'marts' -%}
                {%- for contract in node.config.meta.get('fed_by', []) -%}
                    {%- do rows.append("('" ~ node.name ~ "', '" ~ contract ~ "')") -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    values {{ rows | join(', ') }}
{%- endmacro %}

{#-
    What a published value is. suppressed: there is a reason not to show it, and it is null. imputed: more than a
    quarter of what it stands on is carried or inferred. provisional: its period ended less than eight days before
    the day the build stands at, so later rows can still move it. final: only an erratum changes it.
-#}
{% macro value_status(last_day, suppression_reason=none, imputed_ratio=none) -%}
    case
        {% if suppression_reason -%}
        when {{ suppression_reason }} is not null then 'suppressed'
        {% endif -%}
        {% if imputed_ratio -%}
        when {{ imputed_ratio }} > 0.25 then 'imputed'
        {% endif -%}
        when {{ last_day }} >= {{ as_of_date() }} - 7 then 'provisional'
        else 'final'
    end
{%- endmacro %}

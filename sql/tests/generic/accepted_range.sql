{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}

{#- A bound left out is the value itself, which inclusive comparison always keeps. -#}
{%- set least = column_name if min_value is none else min_value %}
{%- set most = column_name if max_value is none else max_value %}
{%- set at_least = '>' if min_value is not none and not inclusive else '>=' %}
{%- set at_most = '<' if max_value is not none and not inclusive else '<=' %}

select {{ column_name }}
from {{ model }}
where
    not {{ column_name }} {{ at_least }} {{ least }}
    or not {{ column_name }} {{ at_most }} {{ most }}

{% endtest %}

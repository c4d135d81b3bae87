{% test not_null_proportion(model, column_name, at_least, at_most=1.0) %}

select proportion
from (
    select count({{ column_name }}) * 1.0 / nullif(count(*), 0) as proportion
    from {{ model }}
) as measured
where proportion < {{ at_least }} or proportion > {{ at_most }}

{% endtest %}

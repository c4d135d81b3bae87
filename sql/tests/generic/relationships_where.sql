{% test relationships_where(model, column_name, to, field, from_condition='true', to_condition='true') %}

select child.{{ column_name }}
from {{ model }} as child
left join (
    select {{ field }} as parent_key
    from {{ to }}
    where {{ to_condition }}
) as parent
    on child.{{ column_name }} = parent.parent_key
where
    child.{{ column_name }} is not null
    and {{ from_condition }}
    and parent.parent_key is null

{% endtest %}

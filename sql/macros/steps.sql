{#- What the judgement of price steps asks of two figures. -#}

{#- Digits behind the point that a decimal needs. -#}
{% macro decimals_of(amount) -%}
    length(rtrim(split_part(cast({{ amount }} as varchar), '.', 2), '0'))
{%- endmacro %}

{#- Is the figure what is left of another when it is rounded, or cut, to its digits behind the point? -#}
{% macro is_rounded(exact, figure, decimals, least_decimals=2) -%}
    (
        {{ decimals }} >= {{ least_decimals }}
        and (
            abs({{ exact }} - {{ figure }}) <= 0.5001 * power(10, -{{ decimals }})
            or ({{ exact }} > {{ figure }} and {{ exact }} - {{ figure }} < 0.9999 * power(10, -{{ decimals }}))
        )
    )
{%- endmacro %}

{#- Is one of the two prices of a move the other one, rounded? -#}
{% macro is_same_rounded(moves, least_decimals=2) -%}
    case
        when {{ moves }}.previous_decimals < {{ moves }}.next_decimals
            then {{ is_rounded(moves ~ '.next_price', moves ~ '.previous_price', moves ~ '.previous_decimals', least_decimals) }}
        when {{ moves }}.previous_decimals > {{ moves }}.next_decimals
            then {{ is_rounded(moves ~ '.previous_price', moves ~ '.next_price', moves ~ '.next_decimals', least_decimals) }}
        else false
    end
{%- endmacro %}

{#- Is the ratio of two prices, up or down, a power of ten and at least so large? -#}
{% macro is_power_of_ten(ratio, least) -%}
    (
        abs(log10({{ ratio }})) >= log10({{ least }}) - 0.005
        and abs({{ ratio }} / power(10, round(log10({{ ratio }}))) - 1) <= 0.01
    )
{%- endmacro %}

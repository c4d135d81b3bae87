{#-
    What a Student-t variable stays below with probability 0.95: the normal quantile and three terms of its
    expansion (Abramowitz and Stegun 26.7.5); within 0.001 from five degrees of freedom on.
-#}
{% macro student_t_95(freedom) -%}
    {%- set z = 1.6448536269514722 -%}
    ({{ z }} + {{ (z**3 + z) / 4 }} / {{ freedom }}
        + {{ (5 * z**5 + 16 * z**3 + 3 * z) / 96 }} / pow({{ freedom }}, 2)
        + {{ (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 }} / pow({{ freedom }}, 3))
{%- endmacro %}

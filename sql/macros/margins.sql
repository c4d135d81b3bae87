{#- What is left of revenue after cost, as a share of revenue. Not the markup; both in one unit. -#}
{% macro gross_margin(cost, revenue) -%}
    (1 - {{ cost }} / {{ revenue }})
{%- endmacro %}

{#- Profit as a share of cost: a margin of 0.845 is a markup of 5.45. -#}
{% macro markup(cost, revenue) -%}
    ({{ revenue }} / {{ cost }} - 1)
{%- endmacro %}

{#-
    Generated tokens per second while every one of them brings a number of prompt tokens along: the time a prompt
    token takes and the time a generated one takes add up, on nodes of their own as on shared ones.
-#}
{% macro output_rate(decode_tokens_per_second, prefill_tokens_per_second, input_output_ratio) -%}
    (1 / (1 / {{ decode_tokens_per_second }} + {{ input_output_ratio }} / {{ prefill_tokens_per_second }}))
{%- endmacro %}

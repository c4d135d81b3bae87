{#-
    Draws of the intervals. Each is decided by its number and the name of what is drawn, so that a draw stays the
    same when others join, and with it every interval once published. Draw 0 is what was observed.
-#}
{% macro draws() -%}
    {{ return(adapter.dispatch("draws", "aimarket")()) }}
{%- endmacro %}

{% macro default__draws() -%}
    select cast(unnest(generate_series(0, {{ var('bootstrap_draws') }})) as integer) as draw
{%- endmacro %}

{#- A number between 0 and 1 of a name in a draw. -#}
{% macro drawn_number(what, draw, name) -%}
    {{ uniform_of("'" ~ var('bootstrap_seed') ~ "/" ~ what ~ "/' || " ~ name ~ " || '/' || " ~ draw) }}
{%- endmacro %}

{#- Weight of a cluster in a draw, exponential with mean 1: the Bayesian bootstrap, in which no draw is empty. -#}
{% macro cluster_weight(draw, cluster) -%}
    case when {{ draw }} = 0 then 1.0 else -ln({{ drawn_number('weight', draw, cluster) }}) end
{%- endmacro %}

{#- Is the member in a sample of as many, drawn with replacement? So are 1 - 1/e of them. -#}
{% macro is_drawn(draw, member) -%}
    ({{ draw }} = 0 or {{ drawn_number('sample', draw, member) }} > 0.36787944117144233)
{%- endmacro %}

{#- Standard normal error of a name, after Box and Muller; none where there is no name. -#}
{% macro normal_error(draw, name) -%}
    case
        when {{ draw }} = 0 or {{ name }} is null then 0.0
        else sqrt(-2 * ln({{ drawn_number('radius', draw, name) }}))
            * cos(2 * pi() * {{ drawn_number('angle', draw, name) }})
    end
{%- endmacro %}

{#- Share of a standard normal distribution below x, to 1.5e-7 (Abramowitz and Stegun, 7.1.26). -#}
{% macro normal_share_below(x) -%}
    (0.5 + 0.5 * sign({{ x }}) * (1 - exp(-({{ x }}) * ({{ x }}) / 2) * (
        0.254829592 / (1 + 0.3275911 * abs({{ x }}) / sqrt(2))
        - 0.284496736 / pow(1 + 0.3275911 * abs({{ x }}) / sqrt(2), 2)
        + 1.421413741 / pow(1 + 0.3275911 * abs({{ x }}) / sqrt(2), 3)
        - 1.453152027 / pow(1 + 0.3275911 * abs({{ x }}) / sqrt(2), 4)
        + 1.061405429 / pow(1 + 0.3275911 * abs({{ x }}) / sqrt(2), 5)
    )))
{%- endmacro %}

with

mentions as (

    select * from {{ ref('int_model_names__mentioned') }}

),

labs as (

    select * from {{ ref('labs') }}

),

-- The path before a name says where it is sold or who uploaded it.
split as (

    select
        mentions.model_raw,
        replace(regexp_replace(lower(mentions.model_raw), '^[^(]*(/|%2f)', ''), '%3a', ':') as tail,
        {{ name_letters("regexp_extract(mentions.model_raw, '^([^(]*/)?([^/(]*)/', 2)") }} as uploader,
        {{ no_model_reason('lower(mentions.model_raw)') }} as no_model_reason,
        min(mentions.first_observed_at) as first_observed_at
    from mentions
    group by 1

),

worded as (

    select
        split.*,
        {{ name_dashed("regexp_replace(split.tail, '([a-z0-9])[+]', '\\1-plus', 'g')") }} as words
    from split

),

leading_words as (

    select unnest(string_split(labs.makers, ' ')) as word
    from labs
    where labs.makers is not null
    {%- for route in routes() %}
    union
    select '{{ route }}' as word
    {%- endfor %}

),

led_0 as (

    select
        worded.model_raw,
        {{ spelled('worded.words') }} as words
    from worded

),
{%- for step in (1, 2) %}

led_{{ step }} as (

    select
        led_{{ step - 1 }}.model_raw,
        {{ spelled("substr(led_" ~ (step - 1) ~ ".words, length(leading_words.word) + 2)") }} as words
    from led_{{ step - 1 }}
    inner join leading_words
        on
            split_part(led_{{ step - 1 }}.words, '-', 1) = split_part(leading_words.word, '-', 1)
            and left(led_{{ step - 1 }}.words, length(leading_words.word) + 1) = leading_words.word || '-'

),
{%- endfor %}

led as (

    {%- for step in (0, 1, 2) %}
    select
        led_{{ step }}.*,
        {{ step }} as words_left_out
    from led_{{ step }}
    {% if not loop.last %}union{% endif %}
    {%- endfor %}

),

-- `kimi-k2-instruct-0905` is a snapshot of the model `kimi-k2-0905`, if there is one.
forms as (

    select
        led.*,
        led.words as form,
        false as is_shortened
    from led
    union
    select
        led.*,
        regexp_replace(led.words, '-(instruct|chat|it)-', '-', 'g') as form,
        true as is_shortened
    from led
    where {{ matches('led.words', "'-(instruct|chat|it)-'") }}

),

final as (

    select
        split.model_raw,
        forms.form,
        forms.words_left_out,
        forms.is_shortened,
        split.uploader,
        split.no_model_reason,
        split.first_observed_at
    from split
    inner join forms
        on split.model_raw = forms.model_raw

)

select * from final

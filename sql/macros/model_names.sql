{#-
    What the names of models are made of: words before the name, the name, endings behind it. All patterns are RE2
    on lower-case words joined by dashes.
-#}

{#- Names that stand for no single model, by the lower-case name; null for all others. -#}
{% macro no_model_reason(name) -%}
    case
        when {{ matches(name, "'(^|/)ft:|[.:]ft-'") }}
            then 'price of a customer''s own fine-tuned copy'
        when {{ matches(name, "'^[^(]* [+] |[)] [+] '") }} then 'several models at work together'
        when {{ matches(name, "'(together|fireworks)[-_]ai-(embedding-)?(up-to|above|moe|[0-9])'") }}
            then 'price class by size'
    end
{%- endmacro %}

{#- One spelling of the words that are written in several ways. -#}
{% macro spelled(words) -%}
    {%- set spellings = [
        ['([0-9])p([0-9])', '\\1-\\2'],
        ['^(meta-)?llama-?v?([0-9])', 'llama-\\2'],
        ['^(glm|gemma|phi|claude|grok|gemini|codellama)([0-9])', '\\1-\\2'],
        ['^gpt([0-9]{1,2}o?)(-|$)', 'gpt-\\1\\2'],
        ['^qwen-([1-9])(-|$)', 'qwen\\1\\2'],
        ['-(20[12][0-9])-([01][0-9])-([0-3][0-9])(-|$)', '-\\1\\2\\3\\4'],
        ['^lfm-?2', 'lfm2'],
        ['^((claude-)?(opus|sonnet|haiku))([0-9])', '\\1-\\4'],
        ['^(opus|sonnet|haiku)-([0-9])', 'claude-\\1-\\2'],
        ['^(gpt-|claude-(opus-|sonnet-|haiku-)?|glm-|grok-|gemini-|llama-|minimax-m|qwen)([1-9])([0-9])(-|$)',
            '\\1\\3-\\4\\5'],
        ['^claude-([4-9])-([1-9])-(opus|sonnet|haiku|fable|mythos)', 'claude-\\3-\\1-\\2'],
        ['^claude-([4-9])(-0)?-(opus|sonnet|haiku|fable|mythos)', 'claude-\\3-\\1'],
        ['^claude-(opus|sonnet|haiku)-3-([0-9])(-|$)', 'claude-3-\\2-\\1\\3'],
        ['^claude-(opus|sonnet|haiku)-3(-|$)', 'claude-3-\\1\\2'],
        ['^(claude-(opus|sonnet|haiku|fable|mythos)-[4-9]|gemini-[3-9])-0(-|$)', '\\1\\3'],
        ['([a-z]{2})([01][0-9][0-3][0-9])$', '\\1-\\2'],
    ] -%}
    {%- for pattern, replacement in spellings -%} regexp_replace( {%- endfor -%}
    {{ words }}
    {%- for pattern, replacement in spellings -%} , '{{ pattern }}', '{{ replacement }}') {%- endfor -%}
{%- endmacro %}

{#- Words before a name that are no maker's: regions and routes of hosts. -#}
{% macro routes() -%}
    {{ return([
        'us', 'us-gov', 'eu', 'apac', 'au', 'jp', 'ca', 'global', 'regional', 'coding', 'duo-chat', 'alpha',
        'open', 'labs', 'azure', 'groq', 'cerebras',
    ]) }}
{%- endmacro %}

{#- Endings that tell the snapshot: full dates, months, and a month and day without a year. -#}
{% macro snapshot_endings() -%}
    20[12][0-9]-?[01][0-9]-?[0-3][0-9]|[01][0-9]-[0-3][0-9]-20[12][0-9]|[01][0-9]-20[12][0-9]
    {{- '|[01][0-9]-[0-3][0-9]|20[12][0-9][01][0-9]|2[3-9][01][0-9][0-3][0-9]|2[3-9][01][0-9]' -}}
    |[01][0-9][0-3][0-9]|20[12][0-9]
{%- endmacro %}

{#- Endings that number the snapshots of a model. -#}
{% macro version_endings() -%}
    00[1-9]|v0-[1-9]
{%- endmacro %}

{#- Endings that tell neither snapshot nor variant. -#}
{% macro idle_endings() -%}
    instruct|it|hf|latest|preview|prev|beta|exp|experimental|nightly|default|v1|v1-0|v1-0-[0-9]+k|1-0|0
{%- endmacro %}

{#- Endings that tell how open weights are hosted. -#}
{% macro hosting_endings() -%}
    fp4|fp8|fp16|bf16|bfloat16|float16|int4|int8|int4-mixed-ar|w4a16|awq|gptq|nvfp4|mxfp4|mxfp8|gguf|lora|specdec
    {{- '|fast|turbo|lite|lightning|highspeed|instant|versatile|tput|high-throughput|dynamic|vllm|cs|cloud' -}}
    |sambanova|fw|pt|paddle|[0-9]+k|4096|8192|32768
{%- endmacro %}

{#- Endings that tell how hard a model thinks, or how a board asked it. -#}
{% macro effort_endings() -%}
    minimal|low|medium|high|xhigh|none|auto|tokens|diff|effort|thought|reasoner|prompt|fc|no-think|nothink
    {{- '|((high|medium|low|non?)-?)?(think|thinking|reasoning)|[0-9]+k-think(ing)?|thinking-[0-9]+k?' -}}
{%- endmacro %}

{#- Endings that repeat the size of a model of open weights; they must be its own. -#}
{% macro size_endings() -%}
    [0-9]+(-[0-9]+)?b|a[0-9]+(-[0-9]+)?b|(16|128)e
{%- endmacro %}

{#- Billions of parameters that endings state, all of them (`kind` total) or those at work (active); null if none. -#}
{% macro stated_params_b(endings, kind) -%}
    cast(
        replace(
            nullif(
                regexp_extract({{ endings }} || '-', '-{{ "a" if kind == "active" }}([0-9]+(-[0-9]+)?)b-', 1), ''
            ),
            '-', '.'
        ) as double
    )
{%- endmacro %}

{#- The date that a name's own words end with; 1024 is a number of points or tokens. -#}
{% macro own_date(name) -%}
    nullif(
        nullif(
            regexp_extract({{ name }}, '-({{ snapshot_endings() }})(-({{ idle_endings() }}|v2))*$', 1), ''
        ),
        '1024'
    )
{%- endmacro %}

{#-
    Are all endings such as this name may carry? A way of hosting is told of open weights alone, for the makers of
    closed models sell a faster or a smaller one as another model. So it is with thinking where it was trained apart,
    and with OpenAI's chat models.
-#}
{% macro endings_fit(alias, endings, is_open_weights) -%}
    {%- set any_model = [
        snapshot_endings(), version_endings(), idle_endings(),
        'free|tee|maas|basic|nitro|exacto|floor|extended|original|official|cheaper|reference|optimized',
    ] | join('|') -%}
    {%- set open_model = [any_model, hosting_endings(), size_endings(), 'chat|fc|prompt'] | join('|') -%}
    {#- [the names, whether of open weights alone, the endings they may carry]; the first that fits decides. -#}
    {%- set families = [
        ['^claude-', false, any_model ~ '|' ~ effort_endings() ~ '|fast|max|base|search'],
        ['^(gpt-[0-9]|o[134]|chatgpt|codex)', false, any_model ~ '|' ~ effort_endings()],
        ['^grok-3(-mini)?$', false, any_model ~ '|' ~ effort_endings() ~ '|fast'],
        ['-2507$|thinking$|^qwen3-(next|vl|omni|coder)', true, open_model],
        ['^(deepseek|glm|gpt-oss|minimax|mimo|hermes-4|nemotron|gemma-4|kimi-k2-[5-9]|kimi-k3|step-3|qwen3)', true,
            open_model ~ '|' ~ effort_endings()],
        ['', true, open_model],
        ['^(gemini|grok|qwen|ernie|seed|mimo|nova-2|magistral|hunyuan|solar|mercury|glm)', false,
            any_model ~ '|chat|' ~ effort_endings()],
        ['', false, any_model ~ '|chat|fc|prompt'],
    ] -%}
    case
        {% for names, is_open, allowed in families -%}
        when
            {{ matches(alias, "'" ~ names ~ "'") }}{{ ' and ' ~ is_open_weights if is_open }}
            then {{ matches(endings, "'^(-(" ~ allowed ~ "))*$'") }}
        {% endfor -%}
    end
{%- endmacro %}

{#- A text of words between dashes without those that match; neighbours share a dash, hence the rounds. -#}
{% macro words_without(words, pattern) -%}
    {%- set round = "'-(" ~ pattern ~ ")-', '-', 'g')" -%}
    regexp_replace(regexp_replace(regexp_replace({{ words }}, {{ round }}, {{ round }}, {{ round }}
{%- endmacro %}

{#-
    A snapshot's text as far as it is a date: yyyy-mm-dd, yyyy-mm or yyyy; mm-dd where no year is stated; the number
    of the snapshot otherwise.
-#}
{% macro snapshot_text(snapshot) -%}
    {%- set shapes = [
        ['^(20[0-9]{2})-?([0-9]{2})-?([0-9]{2})$', '\\1-\\2-\\3'],
        ['^([0-9]{2})-([0-9]{2})-(20[0-9]{2})$', '\\3-\\1-\\2'],
        ['^([0-9]{2})-(20[0-9]{2})$', '\\2-\\1'],
        ['^(20[0-9]{2})([0-9]{2})$', '\\1-\\2'],
        ['^(2[3-9])([0-9]{2})([0-9]{2})$', '20\\1-\\2-\\3'],
        ['^(2[3-9])([0-9]{2})$', '20\\1-\\2'],
        ['^([01][0-9])-?([0-3][0-9])$', '\\1-\\2'],
        ['^v0-', 'v0.'],
    ] -%}
    case
        {% for shape, text in shapes -%}
        when {{ matches(snapshot, "'" ~ shape ~ "'") }}
            then regexp_replace({{ snapshot }}, '{{ shape }}', '{{ text }}')
        {% endfor -%}
        else {{ snapshot }}
    end
{%- endmacro %}

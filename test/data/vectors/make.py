"""What Python's Jinja, set up as transformers sets it up, makes of templates and values: the vectors of jinja.test.ts.

usage: python make.py [TEMPLATES.json]

Writes jinja.json (small templates over values: the text, or that it raises) beside this file; with TEMPLATES.json (a list of
{"name", "chat_template"}), also chat.json: of every template and every conversation of conversations.json the first 16 hex
digits of the text's SHA-256, or null where it raises. Made with transformers 5.23 and jinja2 3.1.6.
"""
import copy, hashlib, itertools, json, pathlib, sys
import datetime
import transformers.utils.chat_template_utils as utils

HERE = pathlib.Path(__file__).resolve().parent


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None): return cls(2024, 7, 26)


utils.datetime = Fixed

VALUES = {
    "t": "text", "empty": "", "space": " \n a b \t", "quote": "it's", "both": "it's \"so\"", "uni": "é😀ß", "ctl": "a\x00\x7f\u00a0\u200b\n", "html": "<a href='x'>&</a>",
    "one": 1, "zero": 0, "minus": -7, "big": 12345678901234567890, "flt": 1.0, "half": 2.5, "tiny": 1e-7, "huge": 1e16, "long": 123456789.125,
    "yes": True, "no": False, "nil": None, "lst": [1, "a", None, True, 2.0, [], {}], "nums": [3, 1, 2], "words": ["b", "A", "c"], "none_list": [],
    "dct": {"b": 1, "a": {"items": [1.0, "x"]}, "items": 3, "é": None}, "none_dict": {}, "dicts": [{"k": "x", "n": 2}, {"k": "y", "n": 1}, {"n": 3}],
}
UNARY = ["{{ V }}", "{{ V | string }}", "{{ V | tojson }}", "{{ V | tojson(indent=2) }}", "{{ [V] }}", "{{ {'k': V} }}", "{{ V ~ '' }}", "{{ V + '' }}", "{{ '' + V }}", "{{ V + 1 }}", "{{ V * 2 }}",
         "{{ V is string }}{{ V is mapping }}{{ V is iterable }}{{ V is sequence }}{{ V is none }}{{ V is number }}{{ V is integer }}{{ V is float }}{{ V is boolean }}{{ V is defined }}{{ V is true }}{{ V is false }}",
         "{{ not V }}", "{{ V | length }}", "{{ V | trim }}|", "{{ V | upper }}{{ V | lower }}{{ V | title }}{{ V | capitalize }}", "{{ V | int }}|{{ V | float }}", "{{ V | list }}", "{{ V | first }}", "{{ V | last }}",
         "{{ V | default('d') }}{{ V | default('d', true) }}", "{{ V.x is defined }}", "{{ V.x }}", "{{ V['x'] }}", "{{ V.x.y }}", "{{ V[0] }}", "{{ V[-1] }}", "{{ V[1:] }}", "{{ V[::-1] }}",
         "{% for x in V %}[{{ x }}{{ loop.index }}{{ loop.last }}]{% else %}none{% endfor %}", "{{ 'a' in V }}", "{{ V == 1 }}{{ V == 1.0 }}{{ V == 'text' }}{{ V == none }}", "{{ V < 2 }}", "{{ V | join(', ') }}",
         "{{ V.strip() }}", "{{ V.items() }}", "{{ V.items() | list }}", "{{ V | items | list }}", "{{ V.keys() | list }}", "{{ V.get('a') }}", "{% for k, v in V.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in V | items %}{{ k }}={{ v }};{% endfor %}",
         "{{ V | abs }}", "{{ V | round }}", "{{ V | sort }}", "{{ V | reverse | list }}", "{{ V | max }}", "{{ V | unique | list }}", "{{ V | indent(2) }}", "{{ V | replace('a', 'b') }}", "{{ V | safe }}", "{{ V | e }}", "{{ -V }}", "{{ '%s' % V }}", "{{ V if V else 'f' }}",
         "{{ V | dictsort }}", "{{ V | map('string') | list }}", "{{ V | select | list }}", "{{ V | sum }}", "{{ V() }}", "{{ V.append(1) }}", "{{ V | tojson(sort_keys=true) }}", "{{ V | tojson(ensure_ascii=true) }}", "{{ V | tojson(separators=(',', ':')) }}", "{{ namespace(a=V).a }}"]
BINARY = ["{{ A + B }}", "{{ A ~ B }}", "{{ A == B }}", "{{ A < B }}", "{{ A in B }}", "{{ A and B }}", "{{ A or B }}", "{{ A - B }}", "{{ A / B }}", "{{ A // B }}", "{{ A % B }}"]
OF_TWO = ["t", "empty", "one", "minus", "flt", "yes", "nil", "lst", "dct", "big", "half", "absent"]
MORE = [
    "{% for i in [1,2,3] %}{{ x is defined }}{% set x = 1 %}{% endfor %}", "{% set x=0 %}{% for i in [1,2,3] %}{% set x = x+1 %}{{x}}{% endfor %}{{x}}", "{% set ns = namespace(n=0) %}{% for i in [1,2,3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% macro f() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ f() }}{% for y in [7] %}{{ f() }}{% endfor %}", "{% macro f(a, b='q') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}", "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in{% endcall %}",
    "{% if true %}{% set z = 4 %}{% endif %}{{ z }}", "{% set b %}  x {{ one }}{% endset %}[{{ b }}]", "{% filter upper %}abc{{ t }}{% endfilter %}", "{% for d in dicts %}{{ d.k }}{{ d.k is defined }}{% endfor %}", "{{ dicts | map(attribute='k') | list }}", "{{ dicts | selectattr('k', 'defined') | map(attribute='n') | join }}",
    "{{ dicts | selectattr('n', 'gt', 1) | list | length }}", "{{ dicts | rejectattr('k') | list }}", "{{ dicts | sort(attribute='n') | map(attribute='n') | list }}", "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in nums if i > 1 %}{{ i }}{{ loop.length }}{% endfor %}",
    "{% for i in nums %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ loop.changed(i) }}{% endfor %}", "{{ 'a b  c'.split() }}{{ 'a,b,,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b '.split(' ') }}{{ ' a b c '.split(none, 1) }}",
    "{{ 'abcabc'.replace('b', 'x', 1) }}{{ 'abc'.find('c') }}{{ '😀b'.find('b') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'xxaxx'.strip('x') }}{{ 'xxaxx'.lstrip('x') }}{{ 'a\\nb'.splitlines() }}", "{{ 'they\\'re fine'|title }}{{ 'they\\'re fine'.title() }}{{ 'aBC d'.capitalize() }}", "{{ 7 // 2 }}{{ -7 // 2 }}{{ 7 % -3 }}{{ 7 / 2 }}{{ 2 ** 3 }}{{ 2 ** -1 }}{{ 0.1 + 0.2 }}", "{{ 1e3 }}",
    "{{ 1 == true }}{{ 1.0 == 1 }}{{ '1' == 1 }}{{ [1] == [1.0] }}{{ {} == {} }}", "{{ {1: 'a', 'b': 2, none: 3, 1.5: 4} }}{{ {1: 'a', none: 3, true: 4} | tojson }}", "{{ (1,) }}", "{{ () }}", "{{ (1, 'a') }}{{ (1, 2) | tojson }}", "{{ absent }}|{{ absent.x is defined }}", "{{ absent.x }}|", "{{ absent | tojson }}", "{{ [absent] }}", "{{ absent == none }}{{ absent is none }}", "{{ nil.x }}|", "{{ nil.x.y }}", "{{ x if false }}|", "{{ raise_exception('no') }}", "{{ strftime_now('%d %b %Y') }}{{ strftime_now('%Y-%m-%d %A %B %-d %j') }}",
    "{{ range(3) }}{{ range(3) | list }}{{ range(5, 0, -2) | list }}", "{{ dict(a=1) }}{{ dict(a=1).a }}", "{{ lst[1:3] }}{{ t[1:] }}{{ t[-2:] }}{{ uni[1] }}{{ uni[::-1] }}{{ uni | length }}", "{{ 'x' * 3 }}{{ [0] * 2 }}", "{{ lst[9] }}|{{ dct['zz'] }}|{{ dct.zz }}|{{ t.zz }}|", "{{ t.upper }}", "{{ dct.items }}", "{{ dct['items'] }}{{ dct.get('zz', 5) }}{{ dct.get('zz') }}", "{%- set a, b = (1, 2) %}{{ a }}{{ b }}", "{%- set a, b = [1] %}", "{%- for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}",
    "  {%- if true -%}  x  {%- endif -%}  y", "a\n  {% if true %}\nb\n  {% endif %}\nc\n", "{# note #}\n{{ 'x' }}\n\n", "{{ 'a' if true else 'b' if false else 'c' }}", "{{ 'a' not in 'b' }}{{ not 'a' in 'b' }}", "{{ nums | map('string') | join('-') }}", "{{ words | sort }}{{ words | sort(case_sensitive=true) }}{{ words | sort(reverse=true) }}{{ nums | min }}{{ words | max }}", "{{ 3.7 | int }}{{ '3.7' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ '12' | int + 1 }}{{ ' 5 ' | int }}",
    "{{ 2.5 | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ 2.1 | round(0, 'ceil') }}{{ 7 | round }}", "{{ 'a\\nb\\n\\nc' | indent }}{{ 'a\\nb' | indent(2, true) }}", "{{ lst | tojson(indent=4) }}{{ dct | tojson(indent=1, sort_keys=true) }}", "{{ 'a%sb%d%%' % ('x', 3) }}", "{% generation %}g{% endgeneration %}x", "{{ t is eq 'text' }}", "{{ one is divisibleby 1 }}", "{{ joiner(', ') }}", "{{ cycler(1, 2).next() }}", "{{ t | frobnicate }}", "{{ 1 < 2 < 3 }}{{ 3 > 2 > 2 }}{{ 1 < 3 > 2 }}{{ 1 == 1 in [1] }}{{ (1 < 2) == true }}{{ 3 > 2 == true }}{{ 0 < one <= 1 < 5 and true }}{{ 'a' in t == false }}", "{{ 1 + 2 ~ 'x' }}", "{{ html | tojson }}{{ html }}", "{{ [1, 2] + [3] }}{{ (1, 2) + (3, 4) }}", "{{ [1] + (2,) }}", "{{ {} + {} }}", "{{ 'a' 'b' }}",
    "{{ 9007199254740993 }}", "{{ big + 1 }}{{ big // 10 }}{{ big | tojson }}{{ big | string }}{{ [big] }}", "{{ 1.0 | string }}{{ 0.00001 }}{{ 0.0001 }}{{ 1000000000000000.0 }}{{ 123456789012345680.0 }}{{ 10.0 ** 22 }}{{ 10.0 ** -7 }}", "{{ 'a' + 'b' ~ 1 }}{{ (1 + 2) ~ 'x' }}{{ 1 ~ 2 + 'x' }}", "{{ -0.0 }}", "{{ dct | length }}{{ dct | list }}{{ 'a' in dct }}", "{{ true + 1 }}{{ true ~ 1 }}{{ [true] | tojson }}", "{{ none_dict | default('x', true) }}", "{{ messages[0].content }}", "{% set x = {'a': 1} %}{{ x.update({'b': 2}) }}", "{% set l = [] %}{{ l.append(1) }}", "{{ 'abc' | batch(2) | list }}", "{{ nums | groupby('x') }}", "{{ ' x ' | trim }}{{ 'xax' | trim('x') }}", "{{ 'é' | upper }}{{ 'ß'.upper() }}{{ 'İ'.lower() }}", "{{ '\\x1cx\\x85' | trim | length }}{{ '\ufeffx' | trim | length }}",
]


def rendered(template, names):
    try: return utils._compile_jinja_template(template).render(**copy.deepcopy(names))
    except Exception as e: return None


def steady(text):
    """Python prints some values with their address in memory: no text to compare."""
    return text is None or " at 0x" not in text


def small():
    cases = [t.replace("V", v) for t in UNARY for v in [*VALUES, "absent"]]
    cases += [t.replace("A", a).replace("B", b) for t in BINARY for a, b in itertools.product(OF_TWO, OF_TWO)] + MORE
    out = [[t, rendered(t, VALUES)] for t in cases]
    out = [[t, None if not steady(r) else r] for t, r in out]
    (HERE / "jinja.json").write_text('{"values":' + json.dumps(VALUES) + ',\n"cases":[\n' + ",\n".join(json.dumps(c) for c in out) + "\n]}\n")
    print(f"jinja.json: {len(out)} templates, {sum(r is None for _, r in out)} of them raise")


def chats(path):
    spec = json.loads((HERE / "conversations.json").read_text()); out = {}
    for t in json.loads(pathlib.Path(path).read_text()):
        for c in spec["conversations"]:
            for add in (False, True):
                messages = c["messages"][:-1] if add and c["messages"][-1]["role"] == "assistant" else c["messages"]
                template = t["chat_template"] if isinstance(t["chat_template"], str) else None
                if template is None: continue
                text = rendered(template, {**spec["named"], "tools": c.get("tools"), "documents": None, "messages": messages, "add_generation_prompt": add})
                out.setdefault(t["name"], []).append(text and hashlib.sha256(text.encode()).hexdigest()[:16])
    (HERE / "chat.json").write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()) + "\n}\n")
    every = [h for v in out.values() for h in v]
    print(f"chat.json: {len(out)} templates, {len(every)} renderings, {sum(h is None for h in every)} of them raise")


small()
if len(sys.argv) > 1: chats(sys.argv[1])

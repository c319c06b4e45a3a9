"""Random templates over the values of the tests, and what Python's Jinja makes of them, set up as transformers sets it up.

usage: python write.py FOLDER COUNT SEED     writes FOLDER/templates.json: {"values", "cases": [[template, text or null where it raises]]}
"""
import copy, json, pathlib, random, signal, sys
import transformers.utils.chat_template_utils as utils

make = (pathlib.Path(__file__).resolve().parents[3] / "test/data/vectors/make.py").read_text()
space = {}; exec(make[make.index("VALUES = {"):make.index("UNARY = [")], space); VALUES = space["VALUES"]
random.seed(int(sys.argv[3]))
names = list(VALUES)+['absent']
lits = ["1","0","2","-3","1.5","2.0","'a'","''","' x '","'a,b'","true","false","none","[]","[1,'a']","{'a':1}","{}","(1,2)","[none, 1.0]"]
filters = ["string","tojson","trim","upper","lower","length","first","last","list","int","float","default('z')","default('z',true)","title","capitalize","join('-')","join","reverse|list","sort","abs","round","replace('a','b')","items|list","dictsort","map('string')|list","select|list","select('defined')|list","reject('none')|list","unique|list","max","min","sum","indent","indent(2,true)","tojson(indent=1)","escape","wordcount","round(1)","string|length"]
tests = ["defined","undefined","none","string","number","integer","float","mapping","iterable","sequence","boolean","true","false","even","odd","lower","upper","callable"]
methods = [".strip()",".upper()",".split()",".split(',')",".items()|list",".keys()|list",".values()|list",".get('a')",".get('a', 5)",".startswith('a')",".endswith('t')",".replace('e','E')",".title()",".lstrip()",".rstrip('x')",".find('a')",".count('a')",".index('a')",".isdigit()",".splitlines()",".join(['x','y'])",".capitalize()"]
ops = ["+","-","*","/","//","%","~","==","!=","<",">","<=",">=","in","not in","and","or"]


def E(d):
    """A random expression, at most so deep."""
    r=random.random()
    if d<=0 or r<.25: return random.choice(names if random.random()<.6 else lits)
    if r<.45: return f"({E(d-1)} {random.choice(ops)} {E(d-1)})"
    if r<.5: return f"{E(d-1)} {random.choice(ops)} {E(d-1)} {random.choice(ops)} {E(0)}"
    if r<.7: return f"({E(d-1)})|{random.choice(filters)}"
    if r<.78: return f"({E(d-1)} is {random.choice(['','not '])}{random.choice(tests)})"
    if r<.88: return f"({E(d-1)}){random.choice(methods)}"
    if r<.94: return f"({E(d-1)})[{random.choice(['0','-1','1:','::-1',':2',chr(39)+'a'+chr(39),E(0)])}]"
    if r<.97: return f"({E(d-1)} if {E(d-1)} else {E(d-1)})"
    return f"(not {E(d-1)})"


def S(d):
    """A random statement."""
    r=random.random()
    if r<.6: return "{{ "+E(d)+" }}"
    if r<.8: return "{% for x in "+E(1)+" %}{{ loop.index }}{{ x }},{% else %}-{% endfor %}"
    if r<.9: return "{% set q = "+E(1)+" %}{{ q }}{% if q %}y{% endif %}"
    return "{% if "+E(d)+" %}y{% else %}n{% endif %}"


class Late(Exception): pass


def late(*_): raise Late()


signal.signal(signal.SIGALRM, late)
out = []
while len(out) < int(sys.argv[2]):
    template = S(3); signal.alarm(2)
    try: text = utils._compile_jinja_template(template).render(**copy.deepcopy(VALUES))
    except Late: continue
    except Exception: text = None
    finally: signal.alarm(0)
    if text is not None and len(text) > 5000: continue
    out.append([template, None if text is not None and " at 0x" in text else text])
(pathlib.Path(sys.argv[1]) / "templates.json").write_text(json.dumps({"values": VALUES, "cases": out}))

"""The HTML of a report, as templates; `trackforge.pages` fills and escapes them."""

from __future__ import annotations

__all__ = ["BODY", "MOMENTS"]

BODY = """\
{% for note in notes %}
<p class="note">{{ note }}</p>
{% endfor %}
<section class="no-print" aria-label="Film">
{% if scenes | length > 1 %}
<div class="controls"><label>Sequence <select id="sequence">{% for scene in scenes %}<option value="{{ loop.index0 }}">{{ scene.name }}</option>{% endfor %}</select></label></div>
{% endif %}
{% for scene in scenes %}
<div data-scene="{{ loop.index0 }}"{% if not loop.first %} class="hidden"{% endif %}>
<div class="panels{{ ' one' if scene.runs | length == 1 }}">
{% for run in scene.runs %}
<figure class="panel"><figcaption><b>{{ run.label }}</b> {{ run.told }}</figcaption><canvas role="img" aria-label="Film of {{ scene.name }} with boxes of {{ run.label }}" width="{{ scene.size[0] }}" height="{{ scene.size[1] }}"></canvas></figure>
{% endfor %}
</div>
<div class="track-strip"><canvas role="img" aria-label="The whole film; a click jumps there"></canvas></div>
</div>
{% endfor %}
<div class="controls">
<button class="round" data-step="-10" title="Ten frames back">«</button>
<button class="round" data-step="-1" title="One frame back">‹</button>
<button class="round" id="play" title="Play or pause">▶</button>
<button class="round" data-step="1" title="One frame on">›</button>
<button class="round" data-step="10" title="Ten frames on">»</button>
<label>Frame <input id="frame" type="number" min="0" step="1" value="0"></label>
<span class="clock" id="clock"></span>
<label>Speed <select id="speed">{% for speed in (0.1, 0.25, 0.5, 1, 2, 4) %}<option value="{{ speed }}"{% if speed == 1 %} selected{% endif %}>{{ speed }}×</option>{% endfor %}</select></label>
</div>
<div class="controls"><fieldset aria-label="What is drawn">
<label><input type="checkbox" id="boxes"{{ ' checked' if boxes }}>boxes</label>
<label><input type="checkbox" id="names"{{ ' checked' if boxes }}>ids</label>
<label><input type="checkbox" id="trails"{{ ' checked' if boxes }}>trails</label>
<label><input type="checkbox" id="classes">classes</label>
<label><input type="checkbox" id="scores">scores</label>
{% if truth %}
<label><input type="checkbox" id="truth" checked>truth</label>
{% endif %}
<label><input type="checkbox" id="picture" checked>picture</label>
<label><input type="checkbox" id="loop">loop the clip</label>
</fieldset></div>
<div class="controls">
<label>Only ids <input id="ids" class="short" placeholder="3, 7, 10-20" autocomplete="off" spellcheck="false"></label>
<label>of at least <input id="least" type="number" min="1" value="1"> frames</label>
<label>in order of <select id="order"><option value="first">appearance</option><option value="long">length</option><option value="id">id</option></select></label>
</div>
<div class="controls hidden"><fieldset id="labels" aria-label="Classes"></fieldset></div>
<p class="keys"><kbd>space</kbd> play · <kbd>←</kbd> <kbd>→</kbd> one frame, with <kbd>shift</kbd> ten · <kbd>+</kbd> <kbd>-</kbd> speed · <kbd>b</kbd> boxes <kbd>i</kbd> ids <kbd>t</kbd> trails{% if truth %} <kbd>g</kbd> truth · <kbd>n</kbd> <kbd>p</kbd> next and last clip · <kbd>l</kbd> loop{% endif %} · a click on a box makes its id stand out, <kbd>esc</kbd> ends that</p>
<h2>Ids over time</h2>
{% for scene in scenes %}
<div class="two-lines{{ '' if loop.first else ' hidden' }}" data-of="{{ loop.index0 }}">
{% for run in scene.runs %}
<div>{% if scene.runs | length > 1 %}<h3>{{ run.label }}</h3>{% endif %}<div class="timeline"><div class="spacer"></div><canvas role="img" aria-label="Bars of ids over time; a click jumps there"></canvas></div></div>
{% endfor %}
</div>
{% endfor %}
</section>
{{ moments }}
{{ scores }}
{{ facts }}
"""  # noqa: E501 - a line of the page is a line
MOMENTS = """\
<section>
<h2>Worst moments</h2>
<p class="faint">A click jumps there: the truth is drawn in white, what is missed in red, false boxes dashed. The strip below the film shows
<span class="s3 key">switches</span>, <span class="s4 key">fragmentations</span>, <span class="s5 key">misses</span> and <span class="s1 key">false positives</span>, from top to bottom.</p>
{% for scene in scenes %}
<div data-of="{{ loop.index0 }}"{% if not loop.first %} class="hidden"{% endif %}>
{% set number = loop.index0 %}
{% for group in scene.groups %}
<h3>{{ group.title }}</h3>
{% if group.cards %}
<div class="moments{{ ' double' if group.double }}">
{% for card in group.cards %}
<button class="moment" data-scene_="{{ number }}" data-run="{{ card.run }}" data-at="{{ card.at }}" data-first="{{ card.first }}" data-last="{{ card.last }}" data-truth="{{ card.truth }}" data-track="{{ card.track }}" data-before="{{ card.before }}">
{% if card.cuts %}<span class="cuts">{% for cut in card.cuts %}<img src="{{ cut }}" alt="" width="150" height="112">{% endfor %}</span>{% endif %}
<b>{{ card.what }}</b><span class="faint">{{ card.where }}</span></button>
{% endfor %}
</div>
{% endif %}
{% endfor %}
</div>
{% endfor %}
</section>
"""  # noqa: E501

"""The page: whole in itself, and as a browser shows it, wide and narrow, light and dark."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import Browser, find_browser

import minicaffe as caffe
from minicaffe.proto import parse_net

NET = """
name: "<page> & \\"net\\""
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 12 dim: 3 dim: 12 dim: 12 } shape { dim: 12 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 20 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "a_layer_with_a_name_that_is_longer_than_a_phone_is_wide/scale" type: "Scale" bottom: "conv" top: "conv"
  scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "conv2" type: "Convolution" bottom: "conv" top: "conv2"
  convolution_param { num_output: 9 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "conv2" top: "conv2" }
layer { name: "ip" type: "InnerProduct" bottom: "conv2" top: "ip"
  inner_product_param { num_output: 7 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture(scope="module")
def found():
    net = caffe.Net(parse_net(NET, "page.prototxt"), "TEST", seed=3)
    random = np.random.default_rng(0)
    net.blobs["data"].data[...] = random.normal(2, 50, (12, 3, 12, 12))
    net.blobs["label"].data[...] = random.integers(0, 7, 12)
    for blob, value in zip(net.params["bn"], (1, 0.5, 1)):
        blob.data[...] = value
    net.params["conv"][0].data[3, 0, 0, 0] = np.inf
    return net.inspect(out=None, labels=["<b>cat</b>", 'a "dog" & more'])


class Tags(HTMLParser):
    """Checks that elements close in order, and gathers what they refer to."""

    VOID = {"meta", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.names = [], [], [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.names.add(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(found):
    text = found.html()
    tags = Tags(text)
    assert not re.search(r"https?:|url\(|@import|javascript:| on[a-z]+=", text)
    assert "script" not in tags.names and "link" not in tags.names
    assert tags.sources and all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert len(set(tags.ids)) == len(tags.ids)
    assert {link[1:] for link in tags.links} <= set(tags.ids)
    assert "default-src 'none'" in text and len(text) < 500_000


def test_texts_are_escaped(found):
    text = found.html()
    assert "&lt;page&gt; &amp; &quot;net&quot;" in text and "<page>" not in text
    assert "&lt;b&gt;cat&lt;/b&gt;" in text and "<b>cat</b>" not in text


def test_findings_are_told(found):
    assert found.layers["conv"].flags[0] == "not finite"
    assert "numbers of parameter weights are NaN or infinite" in found.html()
    trained = caffe.Net(parse_net(NET, "n"), "TEST", seed=1)
    from minicaffe.report import inspect_net

    assert "First values, not trained" in inspect_net(trained, weights=()).html()
    assert "First values" not in found.html()


def test_files_and_notebooks(found, tmp_path):
    found.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == found.html()
    frame = found._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;') and "<html" not in frame


CONTRAST = """(() => {
  const parts = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
  const line = v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 };
  const light = c => { const [r, g, b] = c.map(line);
    return .2126 * r + .7152 * g + .0722 * b };
  const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
    if (c[3] > .99) return c } return parts('rgb(255,255,255)') };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest('svg') && e.tagName != 'text') continue;
    const s = getComputedStyle(e), a = light(parts(e.tagName == 'text' ? s.fill : s.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio]);
  }
  return bad })()"""

WIDE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, nav, .tall, svg')
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className)"""

FOLLOW = """(async () => {
  document.querySelectorAll('details').forEach(d => d.open = d.parentElement.matches('nav'));
  const shown = e => e.getClientRects().length > 0;
  const links = [...document.querySelectorAll('nav a')].filter(shown);
  const link = links.at(-2), target = document.querySelector(link.getAttribute('href'));
  link.click();
  for (let i = 0; i < 50 && !shown(target); i++) await new Promise(r => setTimeout(r, 20));
  await new Promise(r => setTimeout(r, 100));
  const box = target.getBoundingClientRect();
  return { links: links.length, hash: location.hash == link.hash, open: target.closest('details').open,
           seen: box.top >= 0 && box.top < innerHeight } })()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome: neither CHROME nor chromium, chromium-browser, google-chrome on PATH")
    made = Browser(program, tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    found.save(path)
    return path.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser(browser, url, width, dark):
    browser.open(url, width, dark=dark)
    assert browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(WIDE) == []
    pictures = browser.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(pictures) > 10 and all(pictures)
    back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) is dark
    assert browser.evaluate("document.querySelector('details:not([open]) summary')?.click(); 1") == 1
    assert browser.evaluate(CONTRAST) == []
    followed = browser.evaluate(FOLLOW)
    assert followed == {"links": 9, "hash": True, "open": True, "seen": True}
    assert browser.problems == []
    assert [one for one in browser.requests if not one.startswith(("data:", "file:"))] == []

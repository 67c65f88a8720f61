'use strict';
const form = document.getElementById('controls'), grid = document.getElementById('grid');
if (form) {
  const large = document.getElementById('large'), content = document.getElementById('large-content');
  const cards = [...grid.children];
  const facts = new Map(cards.map(card => [card, {
    number: Number(card.id.slice(1)), name: card.querySelector('h3').textContent,
    low: Number(card.dataset.low), high: Number(card.dataset.high),
    label: new Set(card.dataset.labels.split(' ')), warning: new Set(card.dataset.warnings.split(' ')),
  }]));
  const orders = {
    number: (a, b) => a.number - b.number,
    low: (a, b) => a.low - b.low,
    high: (a, b) => b.high - a.high,
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  };
  const has = (card, kind, value) => !value || facts.get(card)[kind].has(value);
  const frame = card => card.querySelector('.frame');
  const visible = () => [...grid.children].filter(card => !card.hidden);
  let current = null;

  function update() {
    const { label, warning, order } = form.elements;
    for (const card of cards)
      card.hidden = !has(card, 'label', label.value) || !has(card, 'warning', warning?.value);
    const sorted = cards.toSorted((a, b) => orders[order.value](facts.get(a), facts.get(b)) || facts.get(a).number - facts.get(b).number);
    grid.append(...sorted);
    form.elements.count.value = `${visible().length} of ${cards.length} pictures`;
  }

  function enlarge(card) {
    if (!card) return;
    current = card;
    const picture = frame(card).cloneNode(true), people = [...card.querySelectorAll('.people > li')];
    picture.removeAttribute('href');
    const list = document.createElement('ol');
    list.className = 'people';
    list.append(...people.map(each => each.cloneNode(true)));
    document.getElementById('large-name').textContent = facts.get(card).name;
    content.replaceChildren(picture, list);
    if (!large.open) large.showModal();
  }

  function beside(card, step) {
    const all = visible();
    return all[all.indexOf(card) + step];
  }

  function below(card, sign) {
    const from = frame(card).getBoundingClientRect();
    const rows = visible().map(each => [each, frame(each).getBoundingClientRect()])
      .filter(([, box]) => sign * (box.top - from.top) > 1)
      .sort(([, a], [, b]) => sign * (a.top - b.top) || Math.abs(a.left - from.left) - Math.abs(b.left - from.left));
    return rows[0]?.[0];
  }

  for (const input of form.querySelectorAll('input')) {
    const number = cards.filter(card => has(card, input.name, input.value)).length;
    input.nextElementSibling.textContent = number;
    input.disabled = !number;
  }
  form.addEventListener('change', update);
  form.addEventListener('submit', event => event.preventDefault());
  grid.addEventListener('click', event => {
    const link = event.target.closest('.frame');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge(link.closest('.pic'));
  });
  grid.addEventListener('keydown', event => {
    const card = event.target.matches('.frame') && event.target.closest('.pic');
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = visible();
    const to = {
      ArrowRight: () => beside(card, 1), ArrowLeft: () => beside(card, -1),
      ArrowDown: () => below(card, 1), ArrowUp: () => below(card, -1),
      Home: () => all[0], End: () => all.at(-1),
    }[event.key]?.();
    if (to) { event.preventDefault(); frame(to).focus(); }
  });
  large.addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { event.preventDefault(); enlarge(beside(current, step)); }
  });
  large.addEventListener('close', () => frame(current).focus());
  document.getElementById('back').addEventListener('click', () => enlarge(beside(current, -1)));
  document.getElementById('on').addEventListener('click', () => enlarge(beside(current, 1)));
  document.getElementById('close').addEventListener('click', () => large.close());
  form.hidden = false;
  update();
}

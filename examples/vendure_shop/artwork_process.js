// The part of a Vendure configuration that VendureClient needs: two order states, and three custom fields of orders.
// An order is released only with the files for exactly its lines, and only once.
const { HistoryService, Order, OrderLine, OrderService, TransactionalConnection } = require('@vendure/core');

let connection, history, orders;

exports.artworkProcess = {
  transitions: {
    PaymentSettled: { to: ['AwaitingArtwork'], mergeStrategy: 'merge' },
    AwaitingArtwork: { to: ['ReleasedToPrint', 'Modifying', 'Cancelled'] },
    ReleasedToPrint: { to: ['PartiallyShipped', 'Shipped', 'PartiallyDelivered', 'Delivered', 'Cancelled'] },
    Modifying: { to: ['AwaitingArtwork'], mergeStrategy: 'merge' },
  },

  init(injector) {
    connection = injector.get(TransactionalConnection);
    history = injector.get(HistoryService);
    orders = injector.get(OrderService);
  },

  // Runs in the transaction of the transition. A returned text refuses the transition.
  async onTransitionStart(from, to, { ctx, order }) {
    if (to !== 'ReleasedToPrint') return;
    // Other releases of the same order wait here until this one is committed.
    const query = connection.getRepository(ctx, Order).createQueryBuilder('o').where('o.id = :id', { id: order.id });
    const now = await query.setLock('pessimistic_write').getOne();
    if (now.state !== from) return `The order is in the state ${now.state} now`;
    const { items } = await history.getHistoryForOrder(ctx, order.id, false, {});
    if (items.some(entry => entry.data.to === to)) return 'The order was released before';

    const offer = JSON.parse(now.customFields.artwork || '{"lines": []}');
    const lines = await connection.getRepository(ctx, OrderLine).find({ where: { order: { id: order.id } } });
    const ordered = lines.filter(line => line.quantity > 0).map(line => `${line.id} x ${line.quantity}`);
    const offered = offer.lines.map(line => `${line.id} x ${line.quantity}`);
    if (ordered.sort().join() !== offered.sort().join()) return 'The order has no artwork, or its lines changed';

    // Stored with the new state, in the same transaction.
    order.customFields.artwork = now.customFields.artwork;
    order.customFields.releasedArtwork = now.customFields.artwork;
    order.customFields.releaseKey = offer.key;
  },

  async onTransitionEnd(from, to, { ctx, order }) {
    if (from === 'ArrangingPayment' && to === 'PaymentSettled') {
      const moved = await orders.transitionToState(ctx, order.id, 'AwaitingArtwork');
      order.state = moved.state; // the outer transition saves this object once more
    }
  },
};

exports.artworkFields = [
  { name: 'artwork', type: 'text', nullable: true, public: false },
  { name: 'releasedArtwork', type: 'text', nullable: true, public: false, readonly: true },
  { name: 'releaseKey', type: 'string', nullable: true, public: false, readonly: true },
];

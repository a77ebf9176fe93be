// A Vendure shop with documented configuration only. The environment says where its database is.
const { bootstrap, DefaultLogger, LogLevel, defaultOrderProcess, dummyPaymentHandler, manualFulfillmentHandler } =
  require('@vendure/core');
const { artworkFields, artworkProcess } = require('../../examples/vendure_shop/artwork_process.js');

const { SHOP_PORT, SHOP_DB_HOST, SHOP_DB_PORT, SHOP_DB_USER, SHOP_DB_PASSWORD, SHOP_DB_NAME, SHOP_PASSWORD } = process.env;

bootstrap({
  apiOptions: { hostname: '127.0.0.1', port: Number(SHOP_PORT), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'api-key'],
    requireVerification: false,
    superadminCredentials: { identifier: 'superadmin', password: SHOP_PASSWORD },
  },
  dbConnectionOptions: {
    type: 'postgres', host: SHOP_DB_HOST, port: Number(SHOP_DB_PORT), username: SHOP_DB_USER,
    password: SHOP_DB_PASSWORD, database: SHOP_DB_NAME,
    synchronize: true, logging: false, extra: { max: 20 },
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  shippingOptions: { fulfillmentHandlers: [manualFulfillmentHandler] },
  orderOptions: { process: [defaultOrderProcess, artworkProcess] },
  customFields: { Order: artworkFields, ProductVariant: [{ name: 'printed', type: 'boolean', defaultValue: true }] },
  logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
}).then(
  () => {
    console.log('the shop is ready');
    process.on('SIGTERM', () => process.exit(0)); // nothing is kept: the database is deleted
  },
  error => {
    console.error(error);
    process.exit(1);
  },
);

// Named one by one, for esbuild does not see what a CommonJS package exports.
export { EnvHttpProxyAgent, interceptors, Pool, request } from 'undici'

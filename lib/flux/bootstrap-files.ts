/** What `flux bootstrap` writes into the folder of a cluster: the manifests of Flux itself (fluxcd/flux2 pkg/manifestgen/install). */
export const componentsFile = 'gotk-components.yaml'
/** And what has Flux follow that folder: its source and root Kustomization (fluxcd/flux2 pkg/manifestgen/sync). */
export const syncFile = 'gotk-sync.yaml'

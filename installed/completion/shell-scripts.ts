/** What each shell runs to complete a call: it asks the program itself, by a command that --help does not list. */
export const shellScripts = {
  bash: `# eval "$(flux-runbook completion bash)"
_flux_runbook() {
  local line="\${COMP_LINE:0:COMP_POINT}" word="\${COMP_WORDS[COMP_CWORD]}" whole candidate
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  whole="\${words[\${#words[@]}-1]}"
  # bash takes what stands behind a : or = for a word of its own, and replaces only that.
  case $word in : | =) word='' ;; esac
  COMPREPLY=()
  while IFS= read -r candidate; do
    candidate="\${candidate%%$'\\t'*}"
    COMPREPLY+=("\${candidate#"\${whole%"$word"}"}")
  done < <(flux-runbook __complete "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _flux_runbook flux-runbook
`,
  zsh: `#compdef flux-runbook
# eval "$(flux-runbook completion zsh)", after compinit
_flux_runbook() {
  local line
  local -a described
  for line in "\${(@f)$(flux-runbook __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#described} )); then _describe flux-runbook described; else _files; fi
}
compdef _flux_runbook flux-runbook
`,
  fish: `# flux-runbook completion fish | source
function __flux_runbook_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l found (flux-runbook __complete $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline --current-token)
    end
end
complete --command flux-runbook --no-files --arguments '(__flux_runbook_complete)'
`,
} as const

export type Shell = keyof typeof shellScripts

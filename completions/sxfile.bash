#!/bin/bash

__sxfile_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__sxfile_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__sxfile_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__sxfile_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_sxfile() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--version -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=()
    __sxfile_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    config|invite|connect|contacts|export|import|send|inbox|accept|decline|cancel|retry|pause|status|messages|edit|delete|group|resume|daemon|relay|doctor|demo|help)
        # Offer subcommand argument completions
        "_sxfile_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'config invite connect contacts export import send inbox accept decline cancel retry pause status messages edit delete group resume daemon relay doctor demo help' -- "${cur}"))
        ;;
    esac
}

_sxfile_config() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __sxfile_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    get|set|list)
        # Offer subcommand argument completions
        "_sxfile_config_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'get set list' -- "${cur}"))
        ;;
    esac
}

_sxfile_config_get() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion config get -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_config_set() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion config set -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_config_list() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac
}

_sxfile_invite() {
    repeating_flags=()
    non_repeating_flags=(--qr --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--as --wait --profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--as')
        return
        ;;
    '--wait')
        return
        ;;
    '--profile')
        return
        ;;
    esac
}

_sxfile_connect() {
    repeating_flags=()
    non_repeating_flags=(--no-wait --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--as --timeout --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--as')
        return
        ;;
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac
}

_sxfile_contacts() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __sxfile_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|set|rename|remove|verify)
        # Offer subcommand argument completions
        "_sxfile_contacts_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list set rename remove verify' -- "${cur}"))
        ;;
    esac
}

_sxfile_contacts_list() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac
}

_sxfile_contacts_set() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion contacts set -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    *)
        __sxfile_add_completions -W 'accept=always'$'\n''accept=ask'
        return
        ;;
    esac
}

_sxfile_contacts_rename() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion contacts rename -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_contacts_remove() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion contacts remove -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_contacts_verify() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--code --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--code')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion contacts verify -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_export() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--passphrase-file --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--passphrase-file')
        __sxfile_add_completions -f
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -f
        return
        ;;
    esac
}

_sxfile_import() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--passphrase-file --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--passphrase-file')
        __sxfile_add_completions -f
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -f
        return
        ;;
    esac
}

_sxfile_send() {
    repeating_flags=()
    non_repeating_flags=(-n --dry-run --no-wait --inline --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=(--exclude)
    non_repeating_options=(-m --name --timeout --lane --expires --preview --limit-rate --profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-m')
        return
        ;;
    '--exclude')
        return
        ;;
    '--name')
        return
        ;;
    '--timeout')
        return
        ;;
    '--lane')
        __sxfile_add_completions -W 'auto'$'\n''relay'$'\n''direct'
        return
        ;;
    '--expires')
        return
        ;;
    '--preview')
        __sxfile_add_completions -f
        return
        ;;
    '--limit-rate')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion send -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    *)
        __sxfile_add_completions -f
        return
        ;;
    esac
}

_sxfile_inbox() {
    repeating_flags=()
    non_repeating_flags=(--full --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--timeout --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion inbox -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_accept() {
    repeating_flags=()
    non_repeating_flags=(--all --no-wait --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--from --output -o --timeout --limit-rate --profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--from')
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion accept -- --from "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    '--output'|'-o')
        __sxfile_add_completions -f
        return
        ;;
    '--timeout')
        return
        ;;
    '--limit-rate')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion accept -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_decline() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion decline -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_cancel() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--member --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--member')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion cancel -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_retry() {
    repeating_flags=()
    non_repeating_flags=(--no-wait --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--output -o --timeout --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--output'|'-o')
        __sxfile_add_completions -f
        return
        ;;
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion retry -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_pause() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion pause -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_status() {
    repeating_flags=()
    non_repeating_flags=(--watch --all --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--since --profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--since')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion status -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_messages() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--since --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--since')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion messages -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_edit() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--timeout --profile)
    __sxfile_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion edit -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_delete() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--timeout --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion delete -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __sxfile_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    create|list|invite|join|members|remove|leave|delete)
        # Offer subcommand argument completions
        "_sxfile_group_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'create list invite join members remove leave delete' -- "${cur}"))
        ;;
    esac
}

_sxfile_group_create() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac
}

_sxfile_group_list() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac
}

_sxfile_group_invite() {
    repeating_flags=()
    non_repeating_flags=(--no-wait --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--role --timeout --profile)
    __sxfile_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--role')
        __sxfile_add_completions -W 'member'$'\n''admin'$'\n''owner'
        return
        ;;
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group invite -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    2)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group invite -- positional@1 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group_join() {
    repeating_flags=()
    non_repeating_flags=(--no-wait --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--timeout --profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--timeout')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group join -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group_members() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group members -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group_remove() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group remove -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group_leave() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group leave -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_group_delete() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion group delete -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_resume() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--timeout --wait --limit-rate --profile)
    __sxfile_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--timeout')
        return
        ;;
    '--wait')
        return
        ;;
    '--limit-rate')
        return
        ;;
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __sxfile_add_completions -W "$(__sxfile_custom_complete ---completion resume -- positional@0 "${COMP_CWORD}" "$(__sxfile_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_sxfile_daemon() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--accept-from --output -o --limit-rate --profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--accept-from')
        return
        ;;
    '--output'|'-o')
        __sxfile_add_completions -d
        return
        ;;
    '--limit-rate')
        return
        ;;
    '--profile')
        return
        ;;
    esac
}

_sxfile_relay() {
    repeating_flags=()
    non_repeating_flags=(--drain --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=(--set)
    non_repeating_options=(--config --listen --data --host --quota --password-file --metrics --profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        __sxfile_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--listen')
        return
        ;;
    '--data')
        __sxfile_add_completions -d
        return
        ;;
    '--host')
        return
        ;;
    '--quota')
        return
        ;;
    '--password-file')
        __sxfile_add_completions -f
        return
        ;;
    '--metrics')
        return
        ;;
    '--set')
        return
        ;;
    '--profile')
        return
        ;;
    esac
}

_sxfile_doctor() {
    repeating_flags=()
    non_repeating_flags=(--rekey --json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac
}

_sxfile_demo() {
    repeating_flags=()
    non_repeating_flags=(--json --quiet -q --verbose -v --no-color --version -h --help)
    repeating_options=()
    non_repeating_options=(--profile)
    __sxfile_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--profile')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __sxfile_add_completions -f
        return
        ;;
    esac
}

_sxfile_help() {
    repeating_flags=()
    non_repeating_flags=(--version)
    repeating_options=()
    non_repeating_options=()
    __sxfile_offer_flags_options -1
}

complete -o filenames -F _sxfile sxfile

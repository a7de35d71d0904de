#compdef sxfile

__sxfile_complete() {
    local -ar non_empty_completions=("${@:#(|:*)}")
    local -ar empty_completions=("${(M)@:#(|:*)}")
    _describe -V '' non_empty_completions -- empty_completions -P $'\'\''
}

__sxfile_custom_complete() {
    local -a completions
    completions=("${(@f)"$("${command_name}" "${@}" "${command_line[@]}")"}")
    if [[ "${#completions[@]}" -gt 1 ]]; then
        __sxfile_complete "${completions[@]:0:-1}"
    fi
}

__sxfile_cursor_index_in_current_word() {
    if [[ -z "${QIPREFIX}${IPREFIX}${PREFIX}" ]]; then
        printf 0
    else
        printf %s "${#${(z)LBUFFER}[-1]}"
    fi
}

_sxfile() {
    emulate -RL zsh -G
    setopt extendedglob nullglob numericglobsort
    unsetopt aliases banghist

    local -xr SAP_SHELL=zsh
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(builtin emulate zsh -c 'printf %s "${ZSH_VERSION}"')"
    local -r SAP_SHELL_VERSION

    local context state state_descr line
    local -A opt_args

    local -r command_name="${words[1]}"
    local -ar command_line=("${words[@]}")
    local -ir current_word_index="$((CURRENT - 1))"

    local -i ret=1
    local -ar arg_specs=(
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'config:Show and change settings.'
            'invite:Make a one-time link for a new contact.'
            'connect:Join the link of a new contact, read from standard input.'
            'contacts:List and care for contacts.'
            'export:Write the profile to a file that only a passphrase opens.'
            'import:Make a profile from what `export` wrote.'
            'send:Offer files or a folder to a contact or a group, and send them once accepted.'
            'inbox:Show offers and messages that wait.'
            'accept:Accept offers, and receive the files.'
            'decline:Decline an offer; after acceptance, cancel it.'
            'cancel:End a transfer in any state, and tell the other side.'
            'retry:Offer a file again, or ask for it again, that did not arrive.'
            'pause:Hold transfers until `sxfile resume ID` lets them go on.'
            'status:Show state and progress of transfers.'
            'messages:Show a conversation: texts, files, edits, deletions, gaps.'
            'edit:Change the text of a message of your own, here and at the other side.'
            'delete:Delete a message of your own, here and at the other side.'
            'group:Make groups of contacts, invite to them, join, leave.'
            'resume:Do everything that can be done now, then leave.'
            'daemon:Stay on line, and optionally accept by itself.'
            'relay:Run a relay in the foreground.'
            'doctor:Check io_uring, memory, directories, permissions, clock, database and each relay.'
            'demo:Send a real file between two profiles in a temporary directory.'
            'help:Show subcommand help information.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        config|invite|connect|contacts|export|import|send|inbox|accept|decline|cancel|retry|pause|status|messages|edit|delete|group|resume|daemon|relay|doctor|demo|help)
            "_sxfile_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_sxfile_config() {
    local -i ret=1
    local -ar arg_specs=(
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'get:Print a setting'\''s value.'
            'set:Set a value.'
            'list:Print all settings, and where each comes from.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        get|set|list)
            "_sxfile_config_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_sxfile_config_get() {
    local -i ret=1
    local -ar arg_specs=(
        ':key:{__sxfile_custom_complete ---completion config get -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_config_set() {
    local -i ret=1
    local -ar arg_specs=(
        ':key:{__sxfile_custom_complete ---completion config set -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        ':value:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_config_list() {
    local -i ret=1
    local -ar arg_specs=(
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_invite() {
    local -i ret=1
    local -ar arg_specs=(
        '--as[The contact'\''s local name.]:name:'
        '--wait[Stay that long until the contact is connected (30s, 5m, 2h).]:duration:'
        '--qr[Show the link as a QR code too, on standard error.]'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_connect() {
    local -i ret=1
    local -ar arg_specs=(
        ':link:'
        '--as[The contact'\''s local name.]:name:'
        '--no-wait[Leave when the answer is with the relay.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_contacts() {
    local -i ret=1
    local -ar arg_specs=(
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'list:List the contacts.'
            'set:Say which offers of a contact are accepted without asking.'
            'rename:Give a contact another local name.'
            'remove:Remove a contact.'
            'verify:Show the security code of a contact.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        list|set|rename|remove|verify)
            "_sxfile_contacts_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_sxfile_contacts_list() {
    local -i ret=1
    local -ar arg_specs=(
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_contacts_set() {
    local -i ret=1
    local -ar _changes=('accept=always' 'accept=ask')
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion contacts set -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '*:changes:{__sxfile_complete "${_changes[@]}"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_contacts_rename() {
    local -i ret=1
    local -ar arg_specs=(
        ':old:{__sxfile_custom_complete ---completion contacts rename -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        ':new:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_contacts_remove() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion contacts remove -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_contacts_verify() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion contacts verify -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--code[The code that the other side sees.]:code:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_export() {
    local -i ret=1
    local -ar arg_specs=(
        ':path:_files'
        '--passphrase-file[A file whose first line is the passphrase.]:file:_files'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_import() {
    local -i ret=1
    local -ar arg_specs=(
        ':path:_files'
        '--passphrase-file[A file whose first line is the passphrase.]:file:_files'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_send() {
    local -i ret=1
    local -ar ___lane=('auto' 'relay' 'direct')
    local -ar arg_specs=(
        ':contact:{__sxfile_custom_complete ---completion send -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '*:paths:_files'
        '-m[A message to go with it; '\''-'\'' reads it from standard input.]:text:'
        '*--exclude[Leave out what has this name, or path below the folder; may be repeated.]:pattern:'
        '(-n --dry-run)'{-n,--dry-run}'[Only show what would be sent.]'
        '--name[The name that the recipient sees.]:name:'
        '--no-wait[Leave when the offer is with the relay.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--lane[How the file travels\: auto, relay or direct.]:lane:{__sxfile_complete "${___lane[@]}"}'
        '--expires[Withdraw the offer if it is not accepted by then (1h, 3d).]:duration:'
        '--inline[Send a small file inside the message itself.]'
        '--preview[A small picture shown with an inline file.]:file:_files'
        '--limit-rate[Bytes a second at most, each way, as 500K or 2M.]:rate:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_inbox() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion inbox -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--full[Of a folder the whole list, fetched from its sender.]'
        '--timeout[With --full\: wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_accept() {
    local -i ret=1
    local -ar arg_specs=(
        '*:ids:{__sxfile_custom_complete ---completion accept -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--all[All that wait.]'
        '--from[With --all\: only from this contact.]:contact:{__sxfile_custom_complete ---completion accept -- --from "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '(--output -o)'{--output,-o}'[A directory, or the exact path.]:path:_files'
        '--no-wait[Leave when the acceptance is with the relay.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--limit-rate[Bytes a second at most, each way, as 500K or 2M.]:rate:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_decline() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion decline -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_cancel() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion cancel -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--member[Of what goes to a group\: for this member only.]:name:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_retry() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion retry -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '(--output -o)'{--output,-o}'[Received\: a directory, or the exact path.]:path:_files'
        '--no-wait[Leave when the offer, or the question, is with the relay.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_pause() {
    local -i ret=1
    local -ar arg_specs=(
        '*:ids:{__sxfile_custom_complete ---completion pause -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_status() {
    local -i ret=1
    local -ar arg_specs=(
        '*:ids:{__sxfile_custom_complete ---completion status -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--watch[Look again until nothing is unfinished.]'
        '--all[The ended ones too, newest last.]'
        '--since[Those of this last time, ended ones too (30m, 12h, 7d).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_messages() {
    local -i ret=1
    local -ar arg_specs=(
        ':contact:{__sxfile_custom_complete ---completion messages -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--since[What came or changed in this last time (30m, 12h, 7d).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_edit() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion edit -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        ':text:'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_delete() {
    local -i ret=1
    local -ar arg_specs=(
        ':id:{__sxfile_custom_complete ---completion delete -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group() {
    local -i ret=1
    local -ar arg_specs=(
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'create:Make a group.'
            'list:List the groups, and invitations to groups.'
            'invite:Invite a contact to a group.'
            'join:Accept an invitation to a group.'
            'members:List the members of a group, and how far each is.'
            'remove:Remove a member from a group.'
            'leave:Leave a group, or decline an invitation to one.'
            'delete:Delete a group for everybody.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        create|list|invite|join|members|remove|leave|delete)
            "_sxfile_group_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_sxfile_group_create() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_list() {
    local -i ret=1
    local -ar arg_specs=(
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_invite() {
    local -i ret=1
    local -ar ___role=('member' 'admin' 'owner')
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group invite -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        ':contact:{__sxfile_custom_complete ---completion group invite -- positional@1 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--role[member, admin or owner.]:role:{__sxfile_complete "${___role[@]}"}'
        '--no-wait[Leave once it is recorded.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_join() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group join -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--no-wait[Leave when the answer is with the relay.]'
        '--timeout[Wait at most that long (30s, 5m, 2h).]:duration:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_members() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group members -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_remove() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group remove -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        ':member:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_leave() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group leave -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_group_delete() {
    local -i ret=1
    local -ar arg_specs=(
        ':name:{__sxfile_custom_complete ---completion group delete -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_resume() {
    local -i ret=1
    local -ar arg_specs=(
        '*:ids:{__sxfile_custom_complete ---completion resume -- positional@0 "${current_word_index}" "$(__sxfile_cursor_index_in_current_word)"}'
        '--timeout[Work at most that long (30s, 5m, 2h).]:duration:'
        '--wait[While anything is unfinished, stay up to that long for the other sides.]:duration:'
        '--limit-rate[Bytes a second at most, each way, as 500K or 2M.]:rate:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_daemon() {
    local -i ret=1
    local -ar arg_specs=(
        '--accept-from[Accept offers of these contacts, comma-separated.]:contacts:'
        '(--output -o)'{--output,-o}'[The directory for accepted files.]:directory:_files -/'
        '--limit-rate[Bytes a second at most, each way, as 500K or 2M.]:rate:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_relay() {
    local -i ret=1
    local -ar arg_specs=(
        '--config[A file with settings, as sxfile-relay(8) lists them.]:file:_files -g '\''*.toml'\'''
        '--listen[Where to listen (127.0.0.1\:5223); port 0 picks one, 0.0.0.0 means everywhere.]:host\:port:'
        '--data[Where queues and keys are kept.]:directory:_files -/'
        '--host[The name in its address, if it is another than that listened on.]:name:'
        '--quota[Messages a queue holds (4096), or with a unit as in 10G the bytes of all; both with a comma.]:n:'
        '--password-file[A file with the password for making queues.]:file:_files'
        '--metrics[Where to serve /metrics and /healthz; not at all without it.]:host\:port:'
        '--drain[Make no new queues; those there are go on.]'
        '*--set[Any setting by its name, as sxfile-relay(8) lists them.]:name=value:'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_doctor() {
    local -i ret=1
    local -ar arg_specs=(
        '--rekey[Renew the keys of all connections.]'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_demo() {
    local -i ret=1
    local -ar arg_specs=(
        ':path:_files'
        '--profile[The profile to use.]:name:'
        '--json[Print one JSON object a line.]'
        '(--quiet -q)'{--quiet,-q}'[Say nothing but results and errors.]'
        '(--verbose -v)'{--verbose,-v}'[Log what happens to standard error.]'
        '--no-color[Use no colors.]'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

_sxfile_help() {
    local -i ret=1
    local -ar arg_specs=(
        '*:subcommands:'
        '--version[Show the version.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

if [[ "${funcstack[1]}" = _sxfile ]]; then
    _sxfile "${@}"
else
    compdef _sxfile sxfile
fi

function __sxfile_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __sxfile_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __sxfile_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __sxfile_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __sxfile_parse_tokens -S
    set -l unparsed_tokens (__sxfile_tokens -pc)
    switch $unparsed_tokens[1]
    case 'sxfile'
        __sxfile_parse_subcommand 0 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'config'
            __sxfile_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'get'
                __sxfile_parse_subcommand 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'set'
                __sxfile_parse_subcommand 2 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'list'
                __sxfile_parse_subcommand 0 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            end
        case 'invite'
            __sxfile_parse_subcommand 0 'as=' 'wait=' 'qr' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'connect'
            __sxfile_parse_subcommand 1 'as=' 'no-wait' 'timeout=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'contacts'
            __sxfile_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'list'
                __sxfile_parse_subcommand 0 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'set'
                __sxfile_parse_subcommand -r 2 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'rename'
                __sxfile_parse_subcommand 2 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'remove'
                __sxfile_parse_subcommand 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            case 'verify'
                __sxfile_parse_subcommand 1 'code=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
            end
        case 'export'
            __sxfile_parse_subcommand 1 'passphrase-file=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'import'
            __sxfile_parse_subcommand 1 'passphrase-file=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'send'
            __sxfile_parse_subcommand -r 2 'm=' 'exclude=+' 'n/dry-run' 'name=' 'no-wait' 'timeout=' 'lane=' 'expires=' 'inline' 'preview=' 'limit-rate=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'inbox'
            __sxfile_parse_subcommand 1 'full' 'timeout=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'accept'
            __sxfile_parse_subcommand -r 1 'all' 'from=' 'o/output=' 'no-wait' 'timeout=' 'limit-rate=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'decline'
            __sxfile_parse_subcommand 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'cancel'
            __sxfile_parse_subcommand 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'retry'
            __sxfile_parse_subcommand 1 'o/output=' 'no-wait' 'timeout=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'pause'
            __sxfile_parse_subcommand -r 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'status'
            __sxfile_parse_subcommand -r 1 'watch' 'all' 'since=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'group'
            __sxfile_parse_subcommand -r 1 'version' 'h/help'
        case 'resume'
            __sxfile_parse_subcommand -r 1 'timeout=' 'wait=' 'limit-rate=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'daemon'
            __sxfile_parse_subcommand 0 'accept-from=' 'o/output=' 'limit-rate=' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'relay'
            __sxfile_parse_subcommand 0 'config=' 'listen=' 'data=' 'host=' 'quota=' 'password-file=' 'metrics=' 'drain' 'set=+' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'doctor'
            __sxfile_parse_subcommand 0 'rekey' 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'demo'
            __sxfile_parse_subcommand 1 'profile=' 'json' 'q/quiet' 'v/verbose' 'no-color' 'version' 'h/help'
        case 'help'
            __sxfile_parse_subcommand -r 1 'version'
        end
    end
end

function __sxfile_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __sxfile_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __sxfile_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __sxfile_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__sxfile_tokens -p)
    if test -z "$(__sxfile_tokens -t)"
        set -l index (count (__sxfile_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'sxfile' -f
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'config' -d 'Show and change settings.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'invite' -d 'Make a one-time link for a new contact.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'connect' -d 'Join the link of a new contact, read from standard input.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'contacts' -d 'List and care for contacts.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'export' -d 'Write the profile to a file that only a passphrase opens.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'import' -d 'Make a profile from what `export` wrote.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'send' -d 'Offer files or a folder to a contact, and send them once accepted.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'inbox' -d 'Show offers and messages that wait.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'accept' -d 'Accept offers, and receive the files.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'decline' -d 'Decline an offer; after acceptance, cancel it.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'cancel' -d 'End a transfer in any state, and tell the other side.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'retry' -d 'Offer a file again, or ask for it again, that did not arrive.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'pause' -d 'Hold transfers until `sxfile resume ID` lets them go on.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'status' -d 'Show state and progress of transfers.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'group' -d 'Groups (not yet in this version).'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'resume' -d 'Do everything that can be done now, then leave.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'daemon' -d 'Stay on line, and optionally accept by itself.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'relay' -d 'Run a relay in the foreground.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'doctor' -d 'Check io_uring, memory, directories, permissions, clock, database and each relay.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'demo' -d 'Send a real file between two profiles in a temporary directory.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile config" -eq 1' -fa 'get' -d 'Print a setting\'s value.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile config" -eq 1' -fa 'set' -d 'Set a value.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile config" -eq 1' -fa 'list' -d 'Print all settings, and where each comes from.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile config get" -eq 1' -fka '(__sxfile_custom_completion ---completion config get -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config get" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile config set" -eq 1' -fka '(__sxfile_custom_completion ---completion config set -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config set" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile config list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" as' -l 'as' -d 'The contact\'s local name.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" wait' -l 'wait' -d 'Stay that long until the contact is connected (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" qr' -l 'qr' -d 'Show the link as a QR code too, on standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile invite" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" as' -l 'as' -d 'The contact\'s local name.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" no-wait' -l 'no-wait' -d 'Leave when the answer is with the relay.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" timeout' -l 'timeout' -d 'Wait at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile connect" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts" -eq 1' -fa 'list' -d 'List the contacts.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts" -eq 1' -fa 'set' -d 'Say which offers of a contact are accepted without asking.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts" -eq 1' -fa 'rename' -d 'Give a contact another local name.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts" -eq 1' -fa 'remove' -d 'Remove a contact.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts" -eq 1' -fa 'verify' -d 'Show the security code of a contact.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts set" -eq 1' -fka '(__sxfile_custom_completion ---completion contacts set -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts set" -ge 2' -fka 'accept=always accept=ask'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts set" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts rename" -eq 1' -fka '(__sxfile_custom_completion ---completion contacts rename -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts rename" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts remove" -eq 1' -fka '(__sxfile_custom_completion ---completion contacts remove -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts remove" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile contacts verify" -eq 1' -fka '(__sxfile_custom_completion ---completion contacts verify -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" code' -l 'code' -d 'The code that the other side sees.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile contacts verify" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile export" -eq 1' -F
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" passphrase-file' -l 'passphrase-file' -d 'A file whose first line is the passphrase.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile export" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile import" -eq 1' -F
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" passphrase-file' -l 'passphrase-file' -d 'A file whose first line is the passphrase.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile import" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile send" -eq 1' -fka '(__sxfile_custom_completion ---completion send -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile send" -ge 2' -F
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" m' -s 'm' -d 'A message to go with it.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send"' -l 'exclude' -d 'Leave out what has this name, or path below the folder; may be repeated.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" dry-run n' -s 'n' -l 'dry-run' -d 'Only show what would be sent.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" name' -l 'name' -d 'The name that the recipient sees.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" no-wait' -l 'no-wait' -d 'Leave when the offer is with the relay.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" timeout' -l 'timeout' -d 'Wait at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" lane' -l 'lane' -d 'How the file travels: auto, relay or direct.' -rfka 'auto relay direct'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" expires' -l 'expires' -d 'Withdraw the offer if it is not accepted by then (1h, 3d).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" inline' -l 'inline' -d 'Send a small file inside the message itself.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" preview' -l 'preview' -d 'A small picture shown with an inline file.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" limit-rate' -l 'limit-rate' -d 'Bytes a second at most, each way, as 500K or 2M.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile send" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile inbox" -eq 1' -fka '(__sxfile_custom_completion ---completion inbox -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" full' -l 'full' -d 'Of a folder the whole list, fetched from its sender.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" timeout' -l 'timeout' -d 'With --full: wait at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile inbox" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile accept" -ge 1' -fka '(__sxfile_custom_completion ---completion accept -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" all' -l 'all' -d 'All that wait.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" from' -l 'from' -d 'With --all: only from this contact.' -rfka '(__sxfile_custom_completion ---completion accept -- --from (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" o output' -l 'output' -s 'o' -d 'A directory, or the exact path.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" no-wait' -l 'no-wait' -d 'Leave when the acceptance is with the relay.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" timeout' -l 'timeout' -d 'Wait at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" limit-rate' -l 'limit-rate' -d 'Bytes a second at most, each way, as 500K or 2M.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile accept" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile decline" -eq 1' -fka '(__sxfile_custom_completion ---completion decline -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile decline" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile cancel" -eq 1' -fka '(__sxfile_custom_completion ---completion cancel -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile cancel" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile retry" -eq 1' -fka '(__sxfile_custom_completion ---completion retry -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" o output' -l 'output' -s 'o' -d 'Received: a directory, or the exact path.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" no-wait' -l 'no-wait' -d 'Leave when the offer, or the question, is with the relay.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" timeout' -l 'timeout' -d 'Wait at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile retry" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile pause" -ge 1' -fka '(__sxfile_custom_completion ---completion pause -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile pause" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile status" -ge 1' -fka '(__sxfile_custom_completion ---completion status -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" watch' -l 'watch' -d 'Look again until nothing is unfinished.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" all' -l 'all' -d 'The ended ones too, newest last.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" since' -l 'since' -d 'Those of this last time, ended ones too (30m, 12h, 7d).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile group" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile group" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile resume" -ge 1' -fka '(__sxfile_custom_completion ---completion resume -- positional@0 (count (__sxfile_tokens -pc)) (__sxfile_tokens -tC))'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" timeout' -l 'timeout' -d 'Work at most that long (30s, 5m, 2h).' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" wait' -l 'wait' -d 'While anything is unfinished, stay up to that long for the other sides.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" limit-rate' -l 'limit-rate' -d 'Bytes a second at most, each way, as 500K or 2M.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile resume" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" accept-from' -l 'accept-from' -d 'Accept offers of these contacts, comma-separated.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" o output' -l 'output' -s 'o' -d 'The directory for accepted files.' -rfa '(__sxfile_complete_directories)'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" limit-rate' -l 'limit-rate' -d 'Bytes a second at most, each way, as 500K or 2M.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile daemon" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" config' -l 'config' -d 'A file with settings, as sxfile-relay(8) lists them.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" listen' -l 'listen' -d 'Where to listen (127.0.0.1:5223); port 0 picks one, 0.0.0.0 means everywhere.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" data' -l 'data' -d 'Where queues and keys are kept.' -rfa '(__sxfile_complete_directories)'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" host' -l 'host' -d 'The name in its address, if it is another than that listened on.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" quota' -l 'quota' -d 'Messages a queue holds (4096), or with a unit as in 10G the bytes of all; both with a comma.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" password-file' -l 'password-file' -d 'A file with the password for making queues.' -rF
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" metrics' -l 'metrics' -d 'Where to serve /metrics and /healthz; not at all without it.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" drain' -l 'drain' -d 'Make no new queues; those there are go on.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay"' -l 'set' -d 'Any setting by its name, as sxfile-relay(8) lists them.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile relay" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" rekey' -l 'rekey' -d 'Renew the keys of all connections.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile doctor" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_positional "sxfile demo" -eq 1' -F
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" profile' -l 'profile' -d 'The profile to use.' -rfka ''
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" json' -l 'json' -d 'Print one JSON object a line.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" q quiet' -l 'quiet' -s 'q' -d 'Say nothing but results and errors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" v verbose' -l 'verbose' -s 'v' -d 'Log what happens to standard error.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" no-color' -l 'no-color' -d 'Use no colors.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" version' -l 'version' -d 'Show the version.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile demo" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'sxfile' -n '__sxfile_should_offer_completions_for_flags_or_options "sxfile help" version' -l 'version' -d 'Show the version.'

import ArgumentParser

/// What `sxfile` alone, `help` and the completions are made of.
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sxfile",
        abstract: "Send files to contacts, end-to-end encrypted, through relays you choose.",
        discussion: """
            The other side need not be on line. Whatever is interrupted goes on with `sxfile resume`, by hand or from cron.

            To begin: `sxfile demo` shows a whole transfer on this machine. Then `sxfile config set relay smp://…` names \
            your relay (`sxfile relay` runs one), and `sxfile invite` prints a link for the first contact.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Set up",
                subcommands: [
                    ConfigCommand.self, InviteCommand.self, ConnectCommand.self, ContactsCommand.self,
                    ExportCommand.self, ImportCommand.self,
                ]),
            CommandGroup(
                name: "Send and receive",
                subcommands: [
                    SendCommand.self, InboxCommand.self, AcceptCommand.self, DeclineCommand.self, CancelCommand.self,
                    RetryCommand.self, PauseCommand.self, StatusCommand.self, MessagesCommand.self, EditCommand.self,
                    DeleteCommand.self,
                ]),
            CommandGroup(name: "Groups", subcommands: [GroupCommand.self]),
            CommandGroup(name: "Run", subcommands: [ResumeCommand.self, DaemonCommand.self, RelayCommand.self]),
            CommandGroup(name: "Look", subcommands: [DoctorCommand.self, DemoCommand.self]),
        ])
}

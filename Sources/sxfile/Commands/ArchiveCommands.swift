import ArgumentParser
import Engine

/// `sxfile export`.
struct ExportCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the profile to a file that only a passphrase opens.",
        discussion: """
            Contacts, keys, transfers and settings; files that were received stay where they are. For moving to another \
            machine: two copies of a profile must never be used, for they break each other's connections.
            """)
    @Argument(help: "The file to be made.", completion: .file()) var path: String
    @Option(
        help: ArgumentHelp("A file whose first line is the passphrase.", valueName: "file"), completion: .file())
    var passphraseFile: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(isOnlyLooking: true)
        let passphrase = try StandardInput.passphrase(file: passphraseFile, isNew: true, session.console)
        do { try profile.export(to: path, passphrase: passphrase) } catch EngineError.destination(let what) {
            throw CommandFailure(.destination, what, hint: "name another file")
        }
        session.console.result(PlainText.escaped(path))
        session.console.json("export", [("path", .string(path))])
        session.console.note(
            "once it is imported elsewhere, do not use this profile any more: two copies break each other's connections"
        )
    }
}

/// `sxfile import`.
struct ImportCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a profile from what `export` wrote.",
        discussion: """
            Nothing is written over: for a profile that exists, name another with --profile. Afterwards run \
            `sxfile doctor --rekey` once: it renews the keys, which may be older than those that the contacts know.
            """)
    @Argument(help: "The exported file.", completion: .file()) var path: String
    @Option(
        help: ArgumentHelp("A file whose first line is the passphrase.", valueName: "file"), completion: .file())
    var passphraseFile: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        try Profile.checkImportable(as: session.profileName, environment: session.environment)
        let passphrase = try StandardInput.passphrase(file: passphraseFile, isNew: false, session.console)
        try Profile.importing(
            from: path, as: session.profileName, environment: session.environment, passphrase: passphrase)
        let profile = try session.openProfile(isOnlyLooking: true)
        session.console.result("\(profile.directory)")
        session.console.json("import", [("path", .string("\(profile.directory)"))])
        session.console.note(
            "run `sxfile doctor --rekey` once to renew the keys, and do not use the profile where it came from any more: "
                + "two copies break each other's connections")
    }
}

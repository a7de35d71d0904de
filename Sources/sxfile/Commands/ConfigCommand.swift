import ArgumentParser
import Engine
import Glibc

/// `sxfile config`.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and change settings.",
        discussion: Setting.allCases.map { setting in
            let name = setting.rawValue
            return name + String(repeating: " ", count: max(1, 22 - name.count)) + setting.summary
        }.joined(separator: "\n") + "\n\n" + """
            They are kept in sxfile.toml, which may be edited: `man sxfile.toml`. An option of a command comes before the \
            environment (SXFILE_RELAY, SXFILE_LIMIT_RATE, …), that before the file.
            """,
        subcommands: [Get.self, Set.self, List.self])

    /// `config get`.
    struct Get: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "Print a setting's value.")
        @Argument(help: "The setting's name.", completion: .settings)
        var key: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let setting = try Setting.named(key)
            let inForce = try session.openProfile(isOnlyLooking: true).settingWithOrigin(setting)
            guard let value = inForce.value else {
                throw CommandFailure(.failed, "'\(key)' is not set", hint: "`sxfile config set \(key) VALUE` sets it")
            }
            session.console.result(PlainText.escaped(value))
            session.console.json("setting", inForce.origin.jsonMembers(setting, value))
        }
    }

    /// `config set`.
    struct Set: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a value.", discussion: "`-` reads the value from standard input; an empty one unsets it.")
        @Argument(help: "The setting's name.", completion: .settings)
        var key: String
        @Argument(help: "The value.")
        var value: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let setting = try Setting.named(key)
            var text = value
            if text == "-" {
                text = try StandardInput.text(prompt: "Type the value, then Enter:", console: session.console)
            }
            while let last = text.last, last.isNewline { text.removeLast() }
            let profile = try session.openProfile(isOnlyLooking: true)
            try profile.set(setting, text.isEmpty ? nil : text)
            await session.host(profile).wakeRunningEngine()
            let inForce = try profile.settingWithOrigin(setting)
            if case .environment(let variable) = inForce.origin {
                session.console.complain("warning", "\(variable) is set and comes before it", color: 33)
            }
            if setting == .hook, let path = Setting.hookProgram(text), access(path, X_OK) != 0 {
                session.console.complain("warning", "there is no program \(PlainText.escaped(path)) now", color: 33)
            }
            session.console.json("setting", inForce.origin.jsonMembers(setting, inForce.value))
        }
    }

    /// `config list`.
    struct List: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print all settings, and where each comes from.",
            discussion: "KEY=VALUE, a tabulator, and the origin: environment, file or built-in, with the place.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile(isOnlyLooking: true)
            for setting in Setting.allCases {
                let inForce = try profile.settingWithOrigin(setting)
                let value = inForce.value.map(setting.shown)
                session.console.result(
                    "\(setting.rawValue)=\(PlainText.escaped(value ?? ""))\t\(PlainText.escaped(inForce.origin.text))")
                session.console.json("setting", inForce.origin.jsonMembers(setting, value))
            }
        }
    }
}

extension SettingOrigin {
    /// The origin in words.
    fileprivate var text: String {
        switch self {
        case .option: "option"
        case .environment(let variable): "environment \(variable)"
        case .file(let path, let line): "file \(path):\(line)"
        case .builtIn: "built-in"
        }
    }

    /// The members of a `setting` object.
    fileprivate func jsonMembers(_ setting: Setting, _ value: String?) -> [(String, JSONText)] {
        var origin = "built-in"
        var place: String?
        var lineNumber: JSONText = .null
        switch self {
        case .option: origin = "option"
        case .environment(let variable): (origin, place) = ("environment", variable)
        case .file(let path, let line): (origin, place, lineNumber) = ("file", path, .number(Int64(line)))
        case .builtIn: break
        }
        return [
            ("name", .string(setting.rawValue)), ("value", .optional(value)), ("origin", .string(origin)),
            ("place", .optional(place)), ("line", lineNumber),
        ]
    }
}

extension Setting {
    fileprivate static func named(_ key: String) throws -> Setting {
        guard let setting = Setting(rawValue: key) else {
            throw CommandFailure.usage(
                "there is no setting '\(key)'",
                hint: "settings are " + Setting.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return setting
    }
}

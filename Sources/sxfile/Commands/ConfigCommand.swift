import ArgumentParser
import Engine

/// `sxfile config`.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and change settings.",
        discussion: Setting.allCases.map { setting in
            let name = setting.rawValue
            return name + String(repeating: " ", count: max(1, 22 - name.count)) + setting.summary
        }.joined(separator: "\n"),
        subcommands: [Get.self, Set.self, List.self])

    /// `config get`.
    struct Get: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "Print a setting's value.")
        @Argument(help: "The setting's name.", completion: .list(Setting.allCases.map(\.rawValue)))
        var key: String
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let setting = try Setting.named(key)
            guard let value = try session.openProfile().setting(setting) else {
                throw CommandFailure(.failed, "'\(key)' is not set", hint: "`sxfile config set \(key) VALUE` sets it")
            }
            session.console.result(PlainText.escaped(value))
            session.console.json("setting", [("name", .string(key)), ("value", .string(value))])
        }
    }

    /// `config set`.
    struct Set: SessionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a value.", discussion: "`-` reads the value from standard input; an empty one unsets it.")
        @Argument(help: "The setting's name.", completion: .list(Setting.allCases.map(\.rawValue)))
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
            let profile = try session.openProfile()
            try profile.set(setting, text.isEmpty ? nil : text)
            await session.host(profile).wakeRunningEngine()
            session.console.json(
                "setting", [("name", .string(key)), ("value", .optional(try profile.setting(setting)))])
        }
    }

    /// `config list`.
    struct List: SessionCommand {
        static let configuration = CommandConfiguration(abstract: "Print all settings.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: Session) async throws {
            let profile = try session.openProfile()
            for setting in Setting.allCases {
                let value = try profile.setting(setting)
                session.console.result("\(setting.rawValue)=\(PlainText.escaped(value ?? ""))")
                session.console.json("setting", [("name", .string(setting.rawValue)), ("value", .optional(value))])
            }
        }
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

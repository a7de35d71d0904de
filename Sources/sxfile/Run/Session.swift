import ChunkIO
import Engine
import Glibc
import Logging
import SystemPackage

/// What a command works with: output, environment, log, profile.
struct Session: Sendable {
    let console: Console
    let environment: [String: String]
    let profileName: String?
    let isVerbose: Bool

    init(_ options: GlobalOptions, isJSONOnStandardError: Bool = false) {
        let environment = Self.environment()
        var style = Console.Style()
        style.isJSON = options.json
        style.isQuiet = options.quiet
        style.isVerbose = options.verbose
        style.isColored = !options.noColor
        style.isJSONOnStandardError = isJSONOnStandardError
        self.environment = environment
        console = Console(style, environment: environment)
        profileName = options.profile
        isVerbose = options.verbose
    }

    /// The profile that the options and the environment name.
    /// - Parameters:
    ///   - limitRate: what `--limit-rate` says.
    ///   - isOnlyLooking: the command asks nothing of an engine.
    func openProfile(limitRate: String? = nil, isOnlyLooking: Bool = false) throws(EngineError) -> Profile {
        var options: [Setting: String] = [:]
        options[.limitRate] = limitRate
        let profile = try Profile.open(name: profileName, environment: environment, options: options)
        if limitRate != nil { warnIfAnotherWorks(profile) }
        if !isOnlyLooking { try profile.checkRoute() }
        return profile
    }

    /// The rate of this command alone does not hold for the engine that does its work.
    private func warnIfAnotherWorks(_ profile: Profile) {
        guard EngineHost(profile: profile, logger: logger("sxfile")).isEngineRunning else { return }
        console.complain(
            "warning",
            "another sxfile is at work for this profile and keeps its own rate; `sxfile config set limit-rate` changes it",
            color: 33)
    }

    /// The user's home directory.
    var home: String { ProfileDirectory.home(environment).string }

    /// A log on standard error: from `level` on, everything with `-v`.
    func logger(_ label: String, level: Logger.Level = .critical) -> Logger {
        var logger = Logger(label: label) { [console] _ in ConsoleLogHandler(console: console, logLevel: .info) }
        logger.logLevel = isVerbose ? .debug : level
        return logger
    }

    /// What runs the engine for `profile`.
    func host(_ profile: Profile, level: Logger.Level = .critical) -> EngineHost {
        let logger = logger("sxfile", level: level)
        if isVerbose { logger.info("file input and output: \(IOService.shared.backendDescription)") }
        return EngineHost(profile: profile, logger: logger)
    }

    static func environment() -> [String: String] {
        var environment: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let sign = text.firstIndex(of: "=") {
                environment[String(text[..<sign])] = String(text[text.index(after: sign)...])
            }
            next += 1
        }
        return environment
    }
}

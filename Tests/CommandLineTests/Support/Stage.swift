import Glibc
import Testing

/// A temporary directory with a relay and people, each with a home of their own. Everything goes at the end.
///
/// `SXFILE_TEST_SERVER` names a server that stands in for the relay: the same tests over either.
/// `SXFILE_TEST_SERVER_RESTART` is the command that starts it again, with what it has stored.
final class Stage {
    let directory: String
    let program: String
    private(set) var relay: ChildProcess?
    private(set) var address = ""
    private var port = 0
    /// Homes whose commands run in a network namespace; the relay's is `operator`.
    private let network: Namespaces?
    private var children: [ChildProcess] = []

    /// Starts a relay, unless told not to.
    init(
        withRelay: Bool = true, quota: String? = nil, options: [String] = [], network: Namespaces? = nil
    ) async throws {
        self.network = network
        program = try Self.findProgram()
        var template = Array("/tmp/sxfile-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        mkdir(directory + "/scratch", 0o700)
        if withRelay { try await startRelay(quota: quota, options: options) }
    }

    deinit {
        for child in children { child.end() }
        Self.removeAll(directory)
    }

    /// Starts the relay, the second time at the same port with the same data.
    func startRelay(quota: String? = nil, limit: String? = nil, options: [String] = []) async throws {
        if quota == nil, limit == nil, options.isEmpty, let server = getenv("SXFILE_TEST_SERVER") {
            let isRestart = !address.isEmpty
            address = String(cString: server)
            if isRestart, let command = getenv("SXFILE_TEST_SERVER_RESTART") { try #require(system(command) == 0) }
            return
        }
        let host = network == nil ? "127.0.0.1" : Namespaces.relayAddress
        var words = ["relay", "--listen", "\(host):\(port)", "--data", directory + "/relay"]
        if let quota { words += ["--quota", quota] }
        words += options
        let relay = try start(words, home: "operator", limit: limit)
        address = try await relay.firstLine()
        port = Int(address.split(separator: ":").last ?? "") ?? 0
        try #require(port > 0, "the relay did not start: \(relay.errors)")
        self.relay = relay
    }

    /// Somebody whose profile uses the relay.
    func person(_ name: String, relay: String? = nil) async throws -> Person {
        let person = Person(name: name, stage: self)
        mkdir(person.home, 0o700)
        try await person.succeed("config", "set", "relay", relay ?? address)
        return person
    }

    /// Two people who are each other's contacts.
    func pair(relay: String? = nil) async throws -> (alice: Person, bob: Person) {
        let alice = try await person("alice", relay: relay)
        let bob = try await person("bob", relay: relay)
        try await introduce(alice, bob)
        return (alice, bob)
    }

    /// Makes two people contacts under their own names.
    func introduce(_ inviter: Person, _ joiner: Person) async throws {
        let link = try await inviter.succeed("invite", "--as", joiner.name).text
        let host = try inviter.start("daemon")
        let joined = try await joiner.run("connect", "--as", inviter.name, input: link)
        try #require(joined.status == 0, "\(joined.errors)")
        host.signal(SIGTERM)
        try await host.wait()
    }

    /// Starts a command in the home `home`; `limit` is what `ulimit` is told before.
    func start(
        _ words: [String], home: String, input: String? = nil, environment: [String] = [], limit: String? = nil,
        refusal: RingRefusal? = nil, terminal: String? = nil
    ) throws -> ChildProcess {
        let path = directory + "/" + home
        let command = network.map { $0.command(in: home) + [program] + words } ?? [program] + words
        let shell = limit.map { ["/bin/sh", "-c", "ulimit \($0) && exec \"$0\" \"$@\""] } ?? []
        let all = shell + command
        let child = try ChildProcess(
            all[0], Array(all.dropFirst()),
            environment: ["SXFILE_HOME=\(path)/profile", "HOME=\(path)", "PATH=/usr/bin:/bin"] + environment,
            input: input, scratch: directory + "/scratch", refusal: refusal, terminal: terminal)
        children.append(child)
        return child
    }

    /// A file of seeded bytes.
    func makeFile(_ name: String, count: Int, seed: UInt64 = 1) throws -> String {
        let path = directory + "/" + name
        var generator = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
        bytes.removeLast(bytes.count - count)
        try bytes.write(to: path)
        return path
    }

    /// The program lies beside the test bundle; `SXFILE_TEST_BINARY` names another.
    private static func findProgram() throws -> String {
        if let path = getenv("SXFILE_TEST_BINARY") { return String(cString: path) }
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let bundle = String(decoding: path.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try #require(
            access(directory + "/sxfile", X_OK) == 0, "there is no \(directory)/sxfile: build the product first")
        return directory + "/sxfile"
    }

    /// Removes a directory and what is in it; follows no links.
    static func removeAll(_ path: String) {
        chmod(path, 0o700)
        for name in list(path) {
            let inner = path + "/" + name
            if unlink(inner) != 0 { removeAll(inner) }
        }
        rmdir(path)
    }

    /// The names in a directory, sorted.
    static func list(_ path: String) -> [String] {
        guard let entries = opendir(path) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// Waits until something holds that another process brings about; what takes longer than any step hangs.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + ChildProcess.patience
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "\(what): never")
        try await Task.sleep(for: .milliseconds(3))
    }
}

/// One user with a home.
struct Person {
    let name: String
    unowned let stage: Stage

    var home: String { stage.directory + "/" + name }
    var downloads: String { home + "/Downloads" }
    var profile: String { home + "/profile" }

    /// Starts a command.
    func start(
        _ words: String..., input: String? = nil, environment: [String] = [], limit: String? = nil,
        refusal: RingRefusal? = nil
    ) throws -> ChildProcess {
        try stage.start(
            words, home: name, input: input, environment: environment, limit: limit, refusal: refusal)
    }

    /// Runs a command to its end.
    @discardableResult
    func run(_ words: String..., input: String? = nil, environment: [String] = []) async throws -> CommandResult {
        try await stage.start(words, home: name, input: input, environment: environment).wait()
    }

    /// Runs a command that has to end with 0.
    @discardableResult
    func succeed(_ words: String..., input: String? = nil) async throws -> CommandResult {
        let result = try await stage.start(words, home: name, input: input).wait()
        try #require(result.status == 0, "sxfile \(words.joined(separator: " ")): \(result.output)\(result.errors)")
        return result
    }

    /// Offers a file, until the offer is with the relay; gives the id. Without another lane its chunks go by the relay too.
    func offer(_ path: String, to peer: Person, lane: String = "relay") async throws -> String {
        try await succeed("send", peer.name, path, "--no-wait", "--lane", lane).text
    }

    /// Fetches what came, and gives the id of the newest offer.
    func newestOffer() async throws -> String {
        _ = try await run("resume")
        let offers = try await succeed("inbox").lines
        let last = try #require(offers.last, "no offer came")
        return String(last.prefix { $0 != "\t" })
    }

    /// The state of a transfer.
    func state(_ id: String) async throws -> String {
        let fields = try await succeed("status", id).text.split(separator: "\t", omittingEmptySubsequences: false)
        return fields.count > 3 ? String(fields[3]) : ""
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

import ArgumentParser

/// `transfers line`: the program's own helper between two namespaces.
struct LineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "line", abstract: "Make two TUN devices and forward packets between them.", shouldDisplay: false)
    @Argument(help: "The two devices.") var devices: [String]
    @Option(help: "Millions of bits a second.") var megabits: Double
    @Option(help: "Milliseconds each way.") var delay: Double
    @Option(help: "Packets lost, in percent.") var loss: Double

    func validate() throws {
        if devices.count != 2 { throw ValidationError("a line has two devices") }
    }

    func run() throws {
        // A router's queue: at most 100 ms.
        let forwarder = try PacketForwarder(devices: devices) { seed in
            LinkModel(
                bitsPerSecond: megabits * 1e6, delay: delay / 1e3, loss: loss / 100, queueLimit: 0.1, seed: seed)
        }
        Console.line("ready")
        forwarder.run()
    }
}

import ArgumentParser
import Glibc

/// Measures whole transfers: sxfile beside other tools, in one run, in turn.
@main
struct TransferBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfers", abstract: "Measure whole transfers beside other tools.",
        discussion: """
            Everything runs on this machine: over loopback, or in network namespaces that are made for it, in a temporary \
            directory that is removed.
            """, subcommands: [RunCommand.self, LineCommand.self], defaultSubcommand: RunCommand.self)
}

/// `transfers run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Measure.")
    @Argument(help: "tools, latency, growth, network, resend; all of them without any.") var sections: [Section] = []
    @OptionGroup var options: Options

    func run() throws {
        guard access(options.program, X_OK) == 0 else { throw ValidationError("\(options.program) is no program") }
        Interruption.arm()
        let workspace = try Workspace(in: options.directory, runs: options.runs)
        defer { workspace.clear() }
        let machine = Machine(workspace: workspace)
        Console.line(machine.describe())
        Console.line(machine.describeTools())
        for section in sections.isEmpty ? Section.allCases : sections {
            Console.line("\n## \(section)\n")
            do { try run(section, workspace) } catch BenchmarkError.interrupted {
                Progress.clear()
                Console.error("interrupted\n")
                throw ExitCode(130)
            } catch {
                Console.line("\(section): not measured: \(error)")
            }
            workspace.endAll()
        }
    }

    private func run(_ section: Section, _ workspace: Workspace) throws {
        switch section {
        case .tools: try ToolsSection(workspace: workspace, options: options).runAll()
        case .latency: try ToolsSection(workspace: workspace, options: options).runLatency()
        case .growth: try GrowthSection(workspace: workspace, options: options).run()
        case .network: try NetworkSection(workspace: workspace, options: options).run()
        case .resend: try ResendSection(workspace: workspace, options: options).run()
        }
    }
}

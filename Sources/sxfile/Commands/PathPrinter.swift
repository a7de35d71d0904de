import Engine
import Guarding

/// Prints the final path of each complete file, once.
final class PathPrinter: Sendable {
    private let printed = Guarded<Set<Int64>>([])
    private let console: Console

    init(console: Console) { self.console = console }

    func print(_ transfer: Transfer) {
        guard let path = transfer.path, printed.withLock({ $0.insert(transfer.id).inserted }) else { return }
        console.result(PlainText.escaped(path))
    }
}

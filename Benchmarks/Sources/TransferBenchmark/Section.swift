import ArgumentParser

/// A part of the whole, which can be asked for alone.
enum Section: String, CaseIterable, ExpressibleByArgument {
    /// The large table: one file by all tools.
    case tools
    /// 1 KiB.
    case latency
    /// How time grows with the size.
    case growth
    /// A long line, with and without loss.
    case network
    /// What is sent again after a crash.
    case resend
}

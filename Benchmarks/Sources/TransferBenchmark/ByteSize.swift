import ArgumentParser

/// A number of bytes as it is written and read: `1KiB`, `64MiB`, `8GiB`, `1000`.
struct ByteSize: ExpressibleByArgument, Hashable, CustomStringConvertible {
    let bytes: Int

    private static let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]

    init(_ bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let digits = argument.prefix { $0.isNumber }
        let unit = argument.dropFirst(digits.count).trimmingPrefix(" ")
        let factor = unit.isEmpty ? 1 : ByteSize.units.first { $0.0 == unit }?.1
        guard let count = Int(digits), count > 0, let factor else { return nil }
        let (bytes, isOverflow) = count.multipliedReportingOverflow(by: factor)
        if isOverflow { return nil }
        self.bytes = bytes
    }

    var description: String {
        for (unit, factor) in ByteSize.units where bytes >= factor {
            if bytes % factor == 0 { return "\(bytes / factor) \(unit)" }
            return "\(Number.text(Double(bytes) / Double(factor), decimals: 1)) \(unit)"
        }
        return "\(bytes) bytes"
    }

    /// 10⁶ bytes.
    var megabytes: Double { Double(bytes) / 1e6 }
}

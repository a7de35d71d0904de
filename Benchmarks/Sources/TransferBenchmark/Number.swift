/// Numbers for people.
enum Number {
    /// Rounded to `decimals` places.
    static func text(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "-" }
        let factor = (0..<decimals).reduce(1) { product, _ in product * 10 }
        let rounded = Int((abs(value) * Double(factor)).rounded())
        let sign = value < 0 && rounded > 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(rounded) }
        let fraction = String(rounded % factor)
        return sign + "\(rounded / factor)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// Three significant digits or so.
    static func seconds(_ value: Double) -> String { text(value, decimals: value < 1 ? 3 : value < 100 ? 2 : 1) }

    /// Megabytes a second.
    static func rate(_ size: ByteSize, _ seconds: Double) -> String {
        let rate = size.megabytes / seconds
        return text(rate, decimals: rate < 100 ? 1 : 0)
    }

    /// How often `base` goes into `value`.
    static func ratio(_ value: Double, to base: Double?) -> String {
        guard let base, base > 0 else { return "-" }
        return text(value / base, decimals: 2)
    }
}

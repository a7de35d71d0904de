extension QRCode {
    /// Columns of `lines(quietZone:)`.
    public func width(quietZone: Int) -> Int { size + 2 * quietZone }

    /// The code for a terminal: two rows of squares in a line, by half blocks, light squares drawn and dark ones left out, as
    /// for light letters on a dark ground.
    ///
    /// - Parameter quietZone: light squares around it; four by the standard, fewer do for most readers.
    public func lines(quietZone: Int) -> [String] {
        stride(from: -quietZone, to: size + quietZone, by: 2).map { row in
            String(
                (-quietZone..<(size + quietZone)).map { column -> Character in
                    // Below the last row there is nothing to be drawn, if the count is odd.
                    let isLowerLight = !self[column, row + 1] && row + 1 < size + quietZone
                    switch (!self[column, row], isLowerLight) {
                    case (true, true): return "█"
                    case (true, false): return "▀"
                    case (false, true): return "▄"
                    case (false, false): return " "
                    }
                })
        }
    }
}

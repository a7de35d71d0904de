/// Whether two files hold the same bytes. A comparison inside an expectation would look for the shortest list of differences
/// between two large arrays, for hours.
func haveSameBytes(_ left: String, _ right: String) -> Bool { [UInt8](file: left) == [UInt8](file: right) }

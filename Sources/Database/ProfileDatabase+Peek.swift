public import GRDB

extension ProfileDatabase {
    /// Reads an existing database as it is: makes nothing, brings nothing up to date, waits for nobody. For what must be quick
    /// and may fail.
    public static func peek<Value>(at path: String, _ body: (GRDB.Database) throws -> Value) throws -> Value {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .immediateError
        return try DatabaseQueue(path: path, configuration: configuration).read(body)
    }
}

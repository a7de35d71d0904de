/// What the grammar leaves open and a receiver must bound.
public enum ChatLimits {
    /// Bytes of a whole message: 4 MiB and 64 KiB.
    public static let message = (4 << 20) + (64 << 10)
    /// Bytes of a message before its first body part.
    public static let header = 64 << 10
    /// Parameters of a message.
    public static let parameters = 4096
    /// Content parts of a message.
    public static let parts = 256
    /// Bytes of a JSON body.
    public static let json = 64 << 10
    /// Bytes of the JSON of an offer without entries.
    public static let offerJSON = 4 << 10
    /// How deep arrays and objects may be nested in JSON.
    public static let jsonDepth = 4
    /// Ranges in one x.file.want.
    public static let wantedRanges = 64
    /// Bytes of the largest chunk.
    public static let chunk = 1 << 20
    /// Endpoints in one x.file.direct.
    public static let endpoints = 8
}

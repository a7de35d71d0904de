public import AgentLink
public import Database
public import GroupCore

import enum ChatProtocol.MemberRole

/// Why a wish, a command or the engine itself cannot go on.
public enum EngineError: Error, Equatable, Sendable {
    /// The command was used wrongly.
    case usage(String)
    /// A link that cannot be read, or is of another kind.
    case badLink(String)
    /// A relay address that cannot be read.
    case badAddress(String)
    /// A setting that does not exist, or a value that it cannot have.
    case badSetting(String)
    /// No contact has this name.
    case noSuchContact(String)
    /// No group has this name.
    case noSuchGroup(String)
    /// No member of the group has this name.
    case noSuchMember(String, group: String)
    /// No other member of the group can be reached yet.
    case nobodyInGroup(String)
    /// The group refuses it: why.
    case group(GroupRefusal)
    /// No transfer or message has this id.
    case noSuchTransfer(Int64)
    /// No message has this id.
    case noSuchMessage(Int64)
    /// The message was deleted.
    case messageDeleted(Int64)
    /// There is no file at this path.
    case noSuchFile(String)
    /// The source is no regular file.
    case notRegular(String)
    /// The source cannot be read: path, and why.
    case unreadable(String, String)
    /// A contact has this name already.
    case nameTaken(String)
    /// A group has this name already.
    case groupNameTaken(String)
    /// A name that cannot be used for a contact.
    case badName(String)
    /// No relay is configured.
    case noRelay
    /// The transfer is not in a state for this: id, the state it is in, what was asked.
    case wrongState(Int64, TransferState, String)
    /// The contact cannot be used any more: name, why.
    case contactFailed(String, String)
    /// The file is too large for `--inline`: size and limit, in bytes.
    case tooLargeInline(UInt64, UInt64)
    /// The destination cannot be written, is full or is taken.
    case destination(String)
    /// The profile's directory or files have the wrong owner or permissions, or cannot be made.
    case permissions(String)
    /// The profile's database.
    case database(DatabaseError)
    /// A relay or a connection.
    case link(AgentLinkError)
    /// Another program with the same keys took a subscription: a copied profile is on line.
    case subscriptionTaken
    /// A relay that the running engine cannot use: the kind of failure, and why.
    case relay(FailureKind, String)
    /// The engine that runs does not use the proxy that this environment variable names.
    case otherRoute(String)
    /// An exported profile that this passphrase does not open.
    case wrongPassphrase
    /// The system refused something that the engine needs.
    case system(String)

    /// What kind of failure it is; commands map it to their exit status.
    public var kind: FailureKind {
        switch self {
        case .usage, .badLink, .badAddress, .badSetting, .badName: .usage
        case .noSuchContact, .noSuchGroup, .noSuchMember, .noSuchTransfer, .noSuchMessage, .noSuchFile: .notFound
        case .group(.noSuchMember): .notFound
        case .group, .messageDeleted, .notRegular, .unreadable, .nameTaken, .groupNameTaken, .noRelay, .wrongState,
            .contactFailed, .nobodyInGroup, .tooLargeInline, .subscriptionTaken, .otherRoute, .wrongPassphrase, .system:
            .failed
        case .destination: .destination
        case .permissions: .permission
        case .database: .failed
        case .link(let error): FailureKind(error)
        case .relay(let kind, _): kind
        }
    }
}

/// The database's own error, told from GRDB's.
typealias ProfileDatabaseError = DatabaseError

/// Kinds of failure, as they are stored with a transfer and mapped to exit codes by the commands.
public enum FailureKind: String, Sendable, CaseIterable {
    /// Wrong use, a damaged link or address.
    case usage
    /// No such contact, transfer or file.
    case notFound
    /// Failed for the reason given.
    case failed
    /// Cancelled or declined by either side.
    case cancelled
    /// A hash, ratchet or identity check failed.
    case integrity
    /// A relay does not answer, or has no common version.
    case relay
    /// The destination cannot be written, or is full.
    case destination
    /// Owner or permissions of the profile.
    case permission

    /// The kind of a failure of the link.
    public init(_ error: AgentLinkError) {
        switch error {
        case .relayUnreachable, .relayIncompatible: self = .relay
        case .relayIdentity, .ratchet: self = .integrity
        case .badLink: self = .usage
        case .relayRefused, .relayBusy, .linkUsed, .queueGone, .peer, .noConnection, .messageTooLong, .storage,
            .stopped, .withdrawn:
            self = .failed
        }
    }
}

extension EngineError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .usage(let what), .badSetting(let what): what
        case .badLink(let what): "the link is damaged or no sxfile link: \(what)"
        case .badAddress(let text): "'\(text)' is no relay address; it looks like smp://FINGERPRINT@HOST:PORT"
        case .noSuchContact(let name): "no contact is called '\(name)'"
        case .noSuchGroup(let name): "no group is called '#\(name)'"
        case .noSuchMember(let name, let group): "no member of '#\(group)' is called '\(name)'"
        case .nobodyInGroup(let name): "no other member of '#\(name)' can be reached yet"
        case .group(.roleTooLow(_, _, let needed)):
            "that takes the role \(needed.rawValue) in the group, which you have not"
        case .group(.alreadyMember): "the contact is in the group already, or invited to it"
        case .group(let refusal): refusal.description
        case .noSuchTransfer(let id): "there is no transfer \(id)"
        case .noSuchMessage(let id): "there is no message \(id)"
        case .messageDeleted(let id): "message \(id) is deleted"
        case .noSuchFile(let path): "there is no file \(path)"
        case .notRegular(let path): "\(path) is no regular file"
        case .unreadable(let path, let why): "\(path) cannot be read: \(why)"
        case .groupNameTaken(let name): "a group is called '#\(name)' already"
        case .nameTaken(let name): "a contact is called '\(name)' already"
        case .badName(let name):
            "'\(name)' cannot be a name: use letters, digits and signs without spaces, not starting with '#' or '-'"
        case .noRelay: "no relay is set; set one with `sxfile config set relay smp://…`"
        case .wrongState(let id, let state, let what): "transfer \(id) is \(state.rawValue): it cannot be \(what)"
        case .contactFailed(let name, let why): "'\(name)' cannot be reached any more: \(why)"
        case .tooLargeInline(let size, let limit):
            "\(size) bytes are too many to send inside a message (at most \(limit)); leave out --inline"
        case .destination(let what), .permissions(let what), .system(let what),
            .relay(_, let what):
            what
        case .database(let error): error.description
        case .otherRoute(let variable):
            "another sxfile is at work for this profile, and does not go by the proxy of \(variable): nothing was done"
        case .wrongPassphrase: "the passphrase is wrong, or the file is damaged"
        case .subscriptionTaken:
            "another sxfile with the same keys is on line (a copied profile?); stop one and run `sxfile doctor --rekey`"
        case .link(let error): error.description
        }
    }
}

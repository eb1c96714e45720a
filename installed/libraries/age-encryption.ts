export * from 'age-encryption'

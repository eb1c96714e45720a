export { default } from 'enquirer'
